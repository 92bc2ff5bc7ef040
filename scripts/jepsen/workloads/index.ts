/** The workloads by name: what clients do, and which checker judges it. */
import {
  checkHistory,
  checkTransactions,
  type CheckResult,
  type TransactionCheckResult,
} from '../../../src/check/index.js';
import type { History } from '../history.js';
import type { Revisions } from '../revisions.js';
import { appendWorkload } from './append.js';
import { bankWorkload } from './bank.js';
import { counterWorkload } from './counter.js';
import { listAppendWorkload } from './list-append.js';
import { registerWorkload } from './register.js';
import { setWorkload } from './set.js';
import { ttlWorkload } from './ttl.js';
import type { Workload } from './workload.js';

export const WORKLOADS = ['register', 'append', 'set', 'counter', 'list-append', 'bank', 'ttl'] as const;
export type WorkloadName = (typeof WORKLOADS)[number];

/** The cluster's time may run that much faster than the recorder's. */
const TTL_TOLERANCE = 0.1;

export interface WorkloadOptions {
  readonly workload: WorkloadName;
  readonly clients: number;
  readonly operationsPerKey: number;
}

export function makeWorkload({ workload, ...options }: WorkloadOptions, revisions: Revisions): Workload {
  const contradictions = () => revisions.problems;
  switch (workload) {
    case 'register':
      return registerWorkload({ ...options, contradictions });
    case 'append':
      return appendWorkload(options);
    case 'set':
      return setWorkload();
    case 'counter':
      return counterWorkload({ ...options, contradictions });
    case 'list-append':
      return listAppendWorkload(options);
    case 'bank':
      return bankWorkload(options);
    case 'ttl':
      return ttlWorkload(options);
  }
}

export type Judgement = CheckResult | TransactionCheckResult;

export function judge(
  workload: WorkloadName,
  { operations, transactions }: Pick<History, 'operations' | 'transactions'>,
  timeoutMs: number,
): Judgement {
  if (workload === 'list-append') return checkTransactions(transactions, { timeoutMs });
  return checkHistory(operations, { timeoutMs, ttlTolerance: workload === 'ttl' ? TTL_TOLERANCE : 0 });
}

/** What `kvorum check` needs to be told, to judge the history of such a run again. */
export function checkArguments(workload: WorkloadName): string[] {
  if (workload === 'list-append') return ['--model', 'list-append'];
  return workload === 'ttl' ? ['--ttl-tolerance', `${TTL_TOLERANCE * 100}%`] : [];
}
