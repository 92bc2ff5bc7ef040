/** A client's operations in the trace. */
import type { Completion, Invocation } from '../check/index.js';

const short = (value: string | null | undefined): string => (value ?? 'absent').replace(/\.+$/, '');

export function describeInvocation({ op, key, value, expected }: Invocation): string {
  switch (op) {
    case 'get':
    case 'delete':
      return `${op} ${key}`;
    case 'cas':
      return `cas ${key} ${short(expected)} -> ${short(value)}`;
    case 'put':
    case 'append':
    case 'increment':
      return `${op} ${key} ${short(value)}`;
    case 'touch':
      return `touch ${key}`;
  }
}

export function describeCompletion({ ok, result, existed, error }: Completion): string {
  const seen = result === undefined ? '' : ` ${short(result)}`;
  const there = existed === undefined ? '' : existed ? ' (it was there)' : ' (it was not there)';
  if (ok === null) return 'is unknown';
  if (ok) return `ok${seen}${there}`;
  return error === undefined ? `failed, it is${seen}${there}` : `refused: ${error}`;
}
