/**
 * The document at `/`: an index of the routes, as JSON, or as a page for a browser.
 */
import type { Build } from './app.js';

export interface Route {
  readonly methods: string;
  /** `{name}` is a parameter. */
  readonly path: string;
  readonly what: string;
}

export const ROUTES: readonly Route[] = [
  { methods: 'GET, HEAD, PUT, PATCH, DELETE', path: '/v1/kv/{key}', what: 'read, write, change and delete a key' },
  { methods: 'GET, HEAD, DELETE', path: '/v1/kv', what: 'keys in order, a page at a time; delete a range' },
  { methods: 'POST', path: '/v1/batch', what: 'many operations at once, each with a result of its own' },
  { methods: 'POST', path: '/v1/txn', what: 'a transaction: comparisons and operations, all or nothing' },
  { methods: 'GET, HEAD', path: '/v1/ns', what: 'the namespaces, a page at a time' },
  { methods: 'GET, HEAD, PUT, DELETE', path: '/v1/ns/{ns}', what: 'a namespace: its limits and what it holds' },
  { methods: 'GET, HEAD, PUT, PATCH, DELETE', path: '/v1/ns/{ns}/kv/{key}', what: 'a key in it' },
  { methods: 'GET, HEAD, DELETE', path: '/v1/ns/{ns}/kv', what: 'its keys in order' },
  { methods: 'POST', path: '/v1/ns/{ns}/batch', what: 'operations on its keys' },
  { methods: 'POST', path: '/v1/ns/{ns}/txn', what: 'a transaction within it' },
  { methods: 'GET, HEAD', path: '/v1/ns/{ns}/where/{key}', what: 'shard, replicas and leader of a key in it' },
  { methods: 'GET, HEAD', path: '/v1/where/{key}', what: 'shard, replicas and leader of a key' },
  { methods: 'GET, HEAD', path: '/v1/cluster', what: 'the cluster: id, nodes, limits, settings in force' },
  { methods: 'GET, HEAD', path: '/v1/nodes', what: 'every node: addresses, state, disk, links' },
  { methods: 'GET, HEAD', path: '/v1/shards', what: 'every shard: leader, term, replicas and how far they are' },
  { methods: 'GET, HEAD', path: '/v1/shards/{id}', what: 'one of them' },
  { methods: 'GET, HEAD', path: '/livez', what: 'the process is up' },
  {
    methods: 'GET, HEAD',
    path: '/readyz',
    what: 'it can serve; ?verbose says what is missing, ?strict asks for every shard',
  },
  { methods: 'GET, HEAD', path: '/metrics', what: 'metrics, as Prometheus reads them' },
  { methods: 'GET, HEAD', path: '/version', what: 'the build' },
  { methods: 'GET, HEAD', path: '/openapi.json', what: 'this API as an OpenAPI 3.1 document' },
];

export const indexDocument = ({ version }: Build): object => ({ name: 'kvorum', version, routes: ROUTES });

/** The page loads nothing and runs nothing; the policy enforces that. */
export const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";

const STYLE = `
  :root { color-scheme: light dark }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 3rem auto; padding: 0 1rem }
  h1 { font-size: 1.5rem; margin: 0 } h1 small { font-weight: normal; opacity: .6 }
  table { border-collapse: collapse; width: 100%; margin: 1.5rem 0 }
  th, td { text-align: left; padding: .4rem 1rem .4rem 0; border-bottom: 1px solid color-mix(in srgb, currentColor 15%, transparent) }
  td:nth-child(2) { opacity: .6; white-space: nowrap; font-size: .85rem }
  pre { padding: .8rem 1rem; border-radius: .5rem; background: color-mix(in srgb, currentColor 8%, transparent); overflow-x: auto }
`;

/** @param origin from the request's Host, which `host-policy.ts` has checked */
export function indexPage({ version }: Build, origin: string): string {
  const rows = ROUTES.map(({ methods, path, what }) => {
    const shown = `<code>${escaped(path)}</code>`;
    const link = path.includes('{') ? shown : `<a href="${escaped(path)}">${shown}</a>`;
    return `<tr><td>${link}</td><td>${escaped(methods)}</td><td>${escaped(what)}</td></tr>`;
  });
  const key = `${origin}/v1/kv/greeting`;
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Kvorum</title><style>${STYLE}</style></head>
<body>
<h1>Kvorum <small>${escaped(version)}</small></h1>
<pre>curl -X PUT ${escaped(key)} -d hello
curl ${escaped(key)}</pre>
<table><tr><th>path</th><th>methods</th><th></th></tr>
${rows.join('\n')}
</table>
</body>
</html>
`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string): string => text.replace(/[&<>"']/g, (char) => ENTITIES[char] ?? '');
