/**
 * Wraps a backend and reports when two attempts of one write are at nodes and neither is answered, so that the outcome
 * of both is open at the same time.
 */
import type { Backend } from '../router/index.js';
import { isRead } from '../shard/index.js';
import type { Mark } from './marks.js';

export function observeAttempts<T extends Backend>(backend: T, reached: (mark: Mark) => void): T {
  /** Number of unanswered attempts, by operation id. */
  const open = new Map<string, number>();
  const submit: Backend['submit'] = (node, request, done) => {
    const { operation } = request;
    if (isRead(operation)) {
      backend.submit(node, request, done);
      return;
    }
    const id = Buffer.from(operation.operationId).toString('hex');
    const before = open.get(id) ?? 0;
    open.set(id, before + 1);
    if (before > 0) reached('two-attempts-open');
    backend.submit(node, request, (reply) => {
      const left = (open.get(id) ?? 1) - 1;
      if (left > 0) open.set(id, left);
      else open.delete(id);
      done(reply);
    });
  };
  return new Proxy(backend, {
    get(target, name) {
      if (name === 'submit') return submit;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    },
  });
}
