/**
 * Everything but data: an express app for topology, health, version and metrics. `server.ts` routes data requests past
 * it. Every answer carries `Kv-Request-Id`.
 */
import express, { type Express, type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { KvorumError, type Logger, type Topology } from '../../shard/index.js';
import { clusterView, nodesView, shardView, shardsView } from './views.js';
import type { Backend, Dispatcher } from '../dispatch/index.js';
import { checkReadiness, type HealthCheck } from './health.js';
import {
  HttpProblem,
  invalid,
  type Limits,
  parseQuery,
  refuseThrown,
  type RequestIds,
  sendJson,
  splitTarget,
  StreamedRequest,
} from '../http/index.js';
import { TAKEN, type KvRoutes } from '../kv/index.js';
import { openApiDocument } from './openapi/document.js';
import { StatusPoller } from './status-poller.js';
import { PAGE_POLICY, indexDocument, indexPage } from './route-index.js';
import { WHERE_PATHS, where } from './where.js';

export interface Build {
  readonly version: string;
  readonly commit?: string;
}

export interface MetricsSource {
  readonly contentType: string;
  render(): Promise<string>;
}

export interface AppOptions {
  readonly backend: Backend;
  readonly dispatcher: Dispatcher;
  readonly limits: Limits;
  readonly requestIds: RequestIds;
  readonly build: Build;
  readonly metrics: MetricsSource;
  readonly logger: Logger;
  /** Further checks of an embedder. */
  readonly readiness?: () => readonly HealthCheck[];
}

const REQUEST_ID = 'Kv-Request-Id';
/** How long `/v1/where` and `/readyz` wait for nodes that do not answer. */
const SHORT_TIMEOUT_MS = 500;

/** The id that the server set; a new one if the app is mounted elsewhere. */
function requestIdOf(response: Response, ids: RequestIds): string {
  const given = response.getHeader(REQUEST_ID);
  return typeof given === 'string' ? given : ids.next();
}

type Handler = (request: Request, response: Response, requestId: string) => void | Promise<void>;

export function createApp(options: AppOptions): Express {
  const { backend, dispatcher, limits, requestIds } = options;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // Query strings are parsed by `parseQuery` only, which is strict.
  app.set('query parser', false);

  const get = (path: string | RegExp, handler: Handler): void => {
    app.all(path, (request, response, next) => {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        throw new HttpProblem('method-not-allowed', undefined, ['Allow', 'GET, HEAD']);
      }
      // A rejected promise goes to the error handler below (express 5).
      return Promise.resolve(handler(request, response, requestIdOf(response, requestIds))).catch(next);
    });
  };
  const all = new StatusPoller(backend, limits.statusTimeoutMs);
  const short = new StatusPoller(backend, Math.min(SHORT_TIMEOUT_MS, limits.statusTimeoutMs));

  get('/v1/cluster', (request, response, id) => {
    readQuery(request, []);
    sendJson(response, id, clusterView(backend, topologyOf(backend), limits));
  });
  get('/v1/nodes', async (request, response, id) => {
    readQuery(request, []);
    sendJson(response, id, nodesView(backend, topologyOf(backend), await all.poll()));
  });
  get('/v1/shards', async (request, response, id) => {
    readQuery(request, []);
    sendJson(response, id, shardsView(topologyOf(backend), await all.poll()));
  });
  get('/v1/shards/:shard', async (request, response, id) => {
    readQuery(request, []);
    const topology = topologyOf(backend);
    const shard = shardNumber(request.params['shard'], topology);
    sendJson(response, id, shardView(topology, await all.poll(), shard));
  });
  for (const path of WHERE_PATHS) {
    get(path, async (request, response, id) => {
      const parts = { dispatcher, statuses: short, topology: topologyOf(backend) };
      sendJson(response, id, await where(request.originalUrl, parts));
    });
  }
  addIndex(get, options.build);
  addOperations(get, options, short);
  app.use((): never => {
    throw new HttpProblem('route-not-found');
  });
  app.use(errorHandler(options));
  return app;
}

function addIndex(get: (path: string, handler: Handler) => void, build: Build): void {
  let document: object | undefined;
  get('/openapi.json', (request, response, id) => {
    readQuery(request, []);
    document ??= openApiDocument(build.version);
    sendJson(response, id, document);
  });
  get('/', (request, response, id) => {
    readQuery(request, []);
    response.setHeader('Vary', 'Accept');
    // Only a browser prefers HTML; a client that accepts anything gets JSON.
    if (request.accepts(['json', 'html']) !== 'html') {
      sendJson(response, id, indexDocument(build));
      return;
    }
    response.setHeader('Content-Security-Policy', PAGE_POLICY);
    sendText(response, id, 200, indexPage(build, `http://${request.headers.host ?? ''}`), 'text/html');
  });
}

function addOperations(
  get: (path: string, handler: Handler) => void,
  options: AppOptions,
  statuses: StatusPoller,
): void {
  const { backend, build, metrics } = options;
  get('/livez', (request, response, id) => {
    readQuery(request, []);
    sendText(response, id, 200, 'ok\n');
  });
  get('/readyz', async (request, response, id) => {
    const query = readQuery(request, TAKEN.ready);
    const checks = [
      ...(await checkReadiness(backend, statuses, query.has('strict'))),
      ...(options.readiness?.() ?? []),
    ];
    const ready = checks.every((check) => check.wrong === undefined);
    const shown = query.has('verbose') ? checks : checks.filter((check) => check.wrong !== undefined);
    const lines = shown.map(lineOf);
    sendText(response, id, ready ? 200 : 503, [...lines, ready ? 'ok' : 'not ready', ''].join('\n'));
  });
  get('/version', (request, response, id) => {
    readQuery(request, []);
    sendJson(response, id, { name: 'kvorum', ...build, node: process.version });
  });
  get('/metrics', async (_request, response, id) => {
    sendText(response, id, 200, await metrics.render(), metrics.contentType);
  });
}

function lineOf({ name, wrong, note }: HealthCheck): string {
  if (wrong !== undefined) return `[-] ${name}: ${wrong}`;
  return note === undefined ? `[+] ${name} ok` : `[~] ${name}: ${note}`;
}

/** `/v1/kv/` inside another express app. To be mounted before anything that reads bodies. */
export function kvMiddleware(routes: KvRoutes, requestIds: RequestIds): RequestHandler {
  return (request, response, next) => {
    if (!routes.handle(new StreamedRequest(request, response), request.url, requestIds.next())) next();
  };
}

function topologyOf(backend: Backend): Topology {
  const topology = backend.topology();
  if (topology === undefined) {
    throw new KvorumError('no-leader', 'the topology is not known yet', {}, 'not_applied');
  }
  return topology;
}

function readQuery(request: Request, allowed: readonly string[]): ReadonlyMap<string, string> {
  return parseQuery(splitTarget(request.originalUrl).query, allowed);
}

function shardNumber(text: string | string[] | undefined, topology: Topology): number {
  if (typeof text !== 'string' || !/^(0|[1-9]\d{0,8})$/.test(text)) throw invalid('shard', 'expected a shard number');
  const shard = Number(text);
  if (shard >= topology.shardCount) throw new HttpProblem('shard-not-found');
  return shard;
}

function sendText(response: Response, requestId: string, status: number, text: string, type = 'text/plain'): void {
  const headers: Record<string, string> = {
    'Content-Type': type.includes('charset') ? type : `${type}; charset=utf-8`,
    'Content-Length': String(Buffer.byteLength(text)),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    [REQUEST_ID]: requestId,
  };
  if (status === 503) headers['Retry-After'] = '1';
  response.writeHead(status, headers);
  response.end(text);
}

function errorHandler(options: AppOptions) {
  // Express recognises an error handler by its four parameters.
  return (error: unknown, request: Request, response: Response, next: NextFunction): void => {
    const id = requestIdOf(response, options.requestIds);
    const thrown = isMalformedPath(error) ? invalid('path', 'malformed percent-encoding') : error;
    try {
      refuseThrown(new StreamedRequest(request, response), id, thrown, options);
    } catch (fault) {
      next(fault);
    }
  };
}

/** Express could not decode a path parameter. */
const isMalformedPath = (error: unknown): boolean => error instanceof URIError;
