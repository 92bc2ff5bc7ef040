/** The HTTP server: one port, the fast path, and node:http behind it. */
export { InsecureBind } from './host-policy.js';
export { HttpServer, type HttpServerOptions } from './server.js';
