/** The process of `autocannonLoad`: receives one job from its parent and sends back the outcome. */
import { createRequire } from 'node:module';
import type { HttpJob, LoadOutcome } from './target.js';
import { hasMark, type HttpRequest } from './workload.js';

/** The part of its interface that is used; the package need not be installed to compile the project. */
type Autocannon = (options: {
  readonly url: string;
  readonly connections: number;
  readonly duration: number;
  readonly requests: readonly object[];
}) => Promise<{
  readonly '2xx': number;
  readonly non2xx: number;
  readonly errors: number;
  readonly duration: number;
  readonly latency: { readonly p50: number; readonly p99: number; readonly p99_9: number };
}>;

process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(0));
process.on('message', (job: HttpJob) => {
  void run(job).then((outcome) => process.send?.(outcome));
});

async function run({ urls, clients, seconds, script }: HttpJob): Promise<LoadOutcome> {
  const autocannon = createRequire(import.meta.url)('autocannon') as Autocannon;
  const requests = script.requests.map(asOption);
  let next = 0;
  // Built for each request; given a list, autocannon would build the whole list for every connection before the first
  // request.
  const setupRequest = (usual: object): object => ({
    ...usual,
    ...requests[script.order[next++ % script.order.length] ?? 0],
  });
  const { mark } = script;
  let wrong = 0;
  const onResponse = (status: number, body: string): void => {
    if (status <= 299 && !hasMark(body, mark)) wrong++;
  };
  const cpu = process.cpuUsage();
  const shares = urls.slice(0, clients).map((url, i, used) => ({
    url,
    connections: Math.floor((clients + i) / used.length),
    duration: seconds,
    requests: [mark === undefined ? { setupRequest } : { setupRequest, onResponse }],
  }));
  const results = await Promise.all(shares.map((options) => autocannon(options)));
  const used = process.cpuUsage(cpu);
  const sum = (of: (result: (typeof results)[number]) => number): number =>
    results.reduce((total, result) => total + of(result), 0);
  const worst = (of: (result: (typeof results)[number]) => number): number => Math.max(...results.map(of));
  return {
    operations: sum((result) => result['2xx']) - wrong,
    failures: sum(({ non2xx, errors }) => non2xx + errors) + wrong,
    tookMs: worst(({ duration }) => duration) * 1_000,
    // Of the slowest address, where there are some: percentiles cannot be added.
    p50Ms: worst(({ latency }) => latency.p50),
    p99Ms: worst(({ latency }) => latency.p99),
    p999Ms: worst(({ latency }) => latency.p99_9),
    cpuMs: (used.user + used.system) / 1_000,
  };
}

const asOption = ({ method, path, contentType, body }: HttpRequest): object => ({
  method,
  path,
  headers: contentType === undefined ? {} : { 'content-type': contentType },
  ...(body === undefined ? {} : { body }),
});
