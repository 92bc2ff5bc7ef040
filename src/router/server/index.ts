/** The two fronts on one port: the fast path and Node's HTTP server behind it. */
export { InsecureBind } from './host-policy.js';
export { HttpServer, type HttpServerOptions } from './server.js';
