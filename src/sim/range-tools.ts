/** What the parts of a client of ranges share. */
import type { MachineClock } from './clock.js';
import type { Mark } from './marks.js';
import type { Histories } from './range-oracle.js';
import type { RangeScene } from './range-programs.js';
import type { Requester } from './requester.js';
import type { Scenario } from './scenario.js';
import type { Scheduler } from './scheduler.js';
import type { VirtualNode } from './virtual-node.js';

export interface RangeTools extends RangeScene {
  readonly scenario: Scenario;
  readonly scheduler: Scheduler;
  readonly clock: MachineClock;
  readonly requester: Requester;
  readonly histories: Histories;
  readonly nodes: readonly Pick<VirtualNode, 'id' | 'replicas'>[];
  /** A request has ended. */
  readonly concluded: (name: string, how: 'ok' | 'failed' | 'unknown') => void;
  /** An answer is wrong. */
  readonly violated: (what: string) => void;
  readonly reached: (mark: Mark) => void;
}
