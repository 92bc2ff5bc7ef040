/**
 * Faults as a user types them, in both directions: `partition 1,2/3` is parsed into a fault and formatted from one.
 *
 * A node is a number, or `leader:7` for the node that leads shard 7 when the fault is injected. Checks the form, and
 * what can be known without a cluster; which nodes exist is checked by the cluster.
 */
import {
  checkLink,
  MAX_DELAY_MS,
  MAX_STEP_MS,
  MAX_KBIT_PER_SECOND,
  type Fault,
  type NodeSettings,
  type Party,
} from '../../src/faults/index.js';

/** The command is wrong. Nothing was done. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The leader of a shard. @throws if it has none */
export type LeaderOf = (shard: number) => number;

/** Gives the fault once the leaders are known. */
export type Request = (leaderOf: LeaderOf) => Fault;

type SignalName = 'kill' | 'pause' | 'resume' | 'restart';
type DiskName = 'hang-disk' | 'fill-disk' | 'fail-disk';
type FolderName = 'wipe-disk' | 'keep-disk' | 'roll-back-disk' | 'copy-node' | 'stray-node';
type ShapeName = 'partition' | 'isolate' | 'one-way' | 'ring' | 'bridge';
export type FormName =
  | ShapeName
  | SignalName
  | 'delay'
  | 'drop'
  | 'rate'
  | 'slow-disk'
  | 'step-clock'
  | DiskName
  | FolderName
  | 'restart-with'
  | 'mend'
  | 'kill-all'
  | 'heal';

type Reference<T> = (leaderOf: LeaderOf) => T;

interface Form {
  /** What follows the name in `--help`. */
  readonly usage: string;
  readonly help: string;
  readonly parse: (words: readonly string[]) => Request;
}

const nodeForm = (type: 'isolate' | SignalName | DiskName | FolderName, help: string): Form => ({
  usage: 'NODE',
  help,
  parse: (words) => {
    const node = nodeOf(type, only(type, words, 1)[0]);
    return (leaderOf) => ({ type, node: node(leaderOf) });
  },
});

const orderForm = (type: 'ring' | 'bridge', help: string): Form => ({
  usage: '[ORDER]',
  help,
  parse: (words) => {
    const [text] = only(type, words, 0, 1);
    if (text === undefined) return () => ({ type });
    const order = text.split(',').map((word) => nodeOf(type, word));
    return (leaderOf) => ({ type, order: order.map((node) => node(leaderOf)) });
  },
});

export const FORMS: Readonly<Record<FormName, Form>> = {
  partition: {
    usage: 'SIDE/SIDE…',
    help: 'sides cannot talk, such as 1,2/3; nodes not named form one more side; routers reach all unless named (r1)',
    parse: (words) => {
      const [text = ''] = only('partition', words, 1);
      const sides = text.split('/').map((side) => side.split(',').map((word) => partyOf('partition', word)));
      return (leaderOf) => ({ type: 'partition', sides: sides.map((side) => side.map((party) => party(leaderOf))) });
    },
  },
  isolate: nodeForm('isolate', 'cut all links between this node and the others; routers still reach it'),
  'one-way': {
    usage: 'FROM>TO',
    help: "what FROM sends does not reach TO; quote it ('1>2'), or say two words (1 2)",
    parse: (words) => {
      const parts = words.length === 2 ? words : (words[0] ?? '').split('>');
      const [from, to, ...more] = parts;
      if (words.length > 2 || from === undefined || to === undefined || more.length > 0) {
        throw new UsageError(`one-way: needs FROM>TO, such as '1>2' in quotes (a shell takes > for itself), or 1 2`);
      }
      const [sender, receiver] = [partyOf('one-way', from), partyOf('one-way', to)];
      return (leaderOf) => {
        const fault = { type: 'cut', from: sender(leaderOf), to: receiver(leaderOf) } as const;
        // The cluster would refuse it, too, but with a message about `cut`, a name that the user has not typed.
        checkLink('one-way', fault.from, fault.to);
        return fault;
      };
    },
  },
  ring: orderForm('ring', 'each node sees a majority, no two the same one; ORDER around it, such as 3,1,2'),
  bridge: orderForm('bridge', 'two halves joined by one node, the middle of ORDER'),
  mend: {
    usage: '',
    help: 'no link is cut any more; all else stays',
    parse: (words) => {
      only('mend', words, 0);
      return () => ({ type: 'mend' });
    },
  },
  delay: {
    usage: 'A-B TIME',
    help: 'both directions take longer, such as 1-2 50ms; 0 = no longer',
    parse: (words) => {
      const [link = '', time = ''] = only('delay', words, 2);
      const [a, b] = linkOf('delay', link);
      const ms = milliseconds('delay', time);
      return (leaderOf) => ({ type: 'delay', a: a(leaderOf), b: b(leaderOf), ms });
    },
  },
  drop: {
    usage: 'A-B PERCENT',
    help: 'both directions lose so much, such as 1-2 20%; TCP sends it again, later; 0% = nothing',
    parse: (words) => {
      const [link = '', share = ''] = only('drop', words, 2);
      const [a, b] = linkOf('drop', link);
      const percent = /^(\d{1,3}(?:\.\d+)?)%?$/.exec(share)?.[1];
      if (percent === undefined || Number(percent) > 100) {
        throw new UsageError(`drop: percent '${share}' must be from 0% to 100%`);
      }
      return (leaderOf) => ({ type: 'drop', a: a(leaderOf), b: b(leaderOf), percent: Number(percent) });
    },
  },
  rate: {
    usage: 'A-B RATE',
    help: 'each direction passes no more than this, such as 1-2 8mbit; 0 = as much as it can',
    parse: (words) => {
      const [link = '', rate = ''] = only('rate', words, 2);
      const [a, b] = linkOf('rate', link);
      const kbitPerSecond = kilobits(rate);
      return (leaderOf) => ({ type: 'rate', a: a(leaderOf), b: b(leaderOf), kbitPerSecond });
    },
  },
  kill: nodeForm('kill', 'kill -9'),
  'kill-all': {
    usage: '',
    help: 'kill -9 of all nodes in one moment',
    parse: (words) => {
      only('kill-all', words, 0);
      return () => ({ type: 'kill-all' });
    },
  },
  pause: nodeForm('pause', 'stop the process (SIGSTOP): it says nothing and notices nothing'),
  resume: nodeForm('resume', 'end a pause'),
  restart: nodeForm('restart', 'start a dead node again; one that runs is killed first'),
  'slow-disk': {
    usage: 'NODE TIME',
    help: 'each sync takes longer, such as 2 100ms; 0 = no longer; only where the shim of scripts/slow-disk is loaded',
    parse: (words) => {
      const [who = '', time = ''] = only('slow-disk', words, 2);
      const node = nodeOf('slow-disk', who);
      const ms = milliseconds('slow-disk', time);
      return (leaderOf) => ({ type: 'slow-disk', node: node(leaderOf), ms });
    },
  },
  'step-clock': {
    usage: 'NODE TIME',
    help: 'its date is off by so much, such as 2 -3600s; 0 = right again; likewise',
    parse: (words) => {
      const [who = '', time = ''] = only('step-clock', words, 2);
      const node = nodeOf('step-clock', who);
      const ms = step('step-clock', time);
      return (leaderOf) => ({ type: 'step-clock', node: node(leaderOf), ms });
    },
  },
  'hang-disk': nodeForm('hang-disk', 'syncs do not come back, until heal; likewise'),
  'fill-disk': nodeForm('fill-disk', 'nothing can be written, as on a full disk, until heal; likewise'),
  'fail-disk': nodeForm('fail-disk', 'writes and syncs fail, so that the node ends, until heal; likewise'),
  'wipe-disk': nodeForm('wipe-disk', 'kill -9, its data folder is emptied, and it starts again'),
  'keep-disk': nodeForm('keep-disk', 'kill -9, a copy of its data folder is kept, and it starts again'),
  'roll-back-disk': nodeForm('roll-back-disk', 'kill -9, its data folder is what was kept, and it starts again'),
  'copy-node': nodeForm('copy-node', 'a copy of its folder is started beside it, as a second process; until heal'),
  'stray-node': nodeForm('stray-node', 'kill -9, and a node of another cluster in its place, until heal'),
  'restart-with': {
    usage: 'NODE SETTING…',
    help: 'other settings than the rest, until heal, such as 2 tick-ms=20 election-ticks=40 lease-reads',
    parse: (words) => {
      const [who = '', ...said] = words;
      const node = nodeOf('restart-with', who);
      const settings = settingsOf(said);
      return (leaderOf) => ({ type: 'restart-with', node: node(leaderOf), settings });
    },
  },
  heal: {
    usage: '',
    help: 'all links, pauses and disks as they were; dead nodes start again; copies and strays are gone',
    parse: (words) => {
      only('heal', words, 0);
      return () => ({ type: 'heal' });
    },
  },
};

const isForm = (word: string): word is FormName => Object.hasOwn(FORMS, word);

/** @throws UsageError that names what is wrong; the request may throw FaultRefused */
export function parseFault(words: readonly string[]): Request {
  const [name = '', ...rest] = words;
  if (!isForm(name)) throw new UsageError(`'${name}' is no fault; there are ${Object.keys(FORMS).join(', ')}`);
  // A time of -5ms is an invalid time, not an option.
  const option = rest.find((word) => /^-(?!\d)/.test(word));
  if (option !== undefined) throw new UsageError(`${name}: unknown option '${option}'`);
  return FORMS[name].parse(rest);
}

/** As a user would type it. */
export function formatFault(fault: Fault): string {
  switch (fault.type) {
    case 'partition':
      return `partition ${fault.sides.map((side) => side.join(',')).join('/')}`;
    case 'cut':
      return `one-way ${fault.from}>${fault.to}`;
    case 'ring':
    case 'bridge':
      return fault.order === undefined ? fault.type : `${fault.type} ${fault.order.join(',')}`;
    case 'delay':
      return `delay ${fault.a}-${fault.b} ${fault.ms}ms`;
    case 'drop':
      return `drop ${fault.a}-${fault.b} ${fault.percent}%`;
    case 'rate':
      return `rate ${fault.a}-${fault.b} ${fault.kbitPerSecond}kbit`;
    case 'slow-disk':
      return `slow-disk ${fault.node} ${fault.ms}ms`;
    case 'step-clock':
      return `step-clock ${fault.node} ${fault.ms}ms`;
    case 'restart-with':
      return `restart-with ${fault.node} ${formatSettings(fault.settings)}`;
    case 'wipe-disk':
    case 'keep-disk':
    case 'roll-back-disk':
    case 'copy-node':
    case 'stray-node':
    case 'hang-disk':
    case 'fill-disk':
    case 'fail-disk':
    case 'isolate':
    case 'kill':
    case 'pause':
    case 'resume':
    case 'restart':
      return `${fault.type} ${fault.node}`;
    case 'mend':
    case 'kill-all':
    case 'heal':
      return fault.type;
  }
}

function only(name: FormName, words: readonly string[], min: number, max = min): readonly string[] {
  if (words.length >= min && words.length <= max) return words;
  const got = words.length === 0 ? 'nothing' : `'${words.join(' ')}'`;
  const needs = max === 0 ? 'takes nothing more' : `needs ${FORMS[name].usage}`;
  throw new UsageError(`${name}: ${needs}; got ${got}`);
}

function nodeOf(name: FormName, word = ''): Reference<number> {
  const number = /^[1-9]\d{0,2}$/.exec(word);
  if (number !== null) return () => Number(word);
  const shard = /^leader:(0|[1-9]\d{0,3})$/.exec(word)?.[1];
  if (shard !== undefined) return (leaderOf) => leaderOf(Number(shard));
  throw new UsageError(`${name}: '${word}' is no node; say its number, such as 2, or leader:7 for shard 7's leader`);
}

function partyOf(name: FormName, word: string): Reference<Party> {
  if (!/^r[1-9]$/.test(word)) return nodeOf(name, word);
  return () => word as Party;
}

function linkOf(name: FormName, text: string): readonly [Reference<Party>, Reference<Party>] {
  const [a, b, ...more] = text.split('-');
  if (a === undefined || b === undefined || more.length > 0) {
    throw new UsageError(`${name}: '${text}' is no link; say A-B, such as 1-2 or r1-2`);
  }
  return [partyOf(name, a), partyOf(name, b)];
}

function milliseconds(name: FormName, text: string): number {
  const [, digits, unit] = /^(\d{1,9})(ms|s|)$/.exec(text) ?? [];
  const ms = Number(digits) * (unit === 's' ? 1000 : 1);
  if (ms <= MAX_DELAY_MS) return ms;
  throw new UsageError(`${name}: time '${text}' must be from 0ms to ${MAX_DELAY_MS}ms, such as 50ms`);
}

/** Forward, or back if it is negative. */
function step(name: FormName, text: string): number {
  const [, digits, unit] = /^(-?\d{1,12})(ms|s|)$/.exec(text) ?? [];
  const ms = Number(digits) * (unit === 's' ? 1000 : 1);
  if (Math.abs(ms) <= MAX_STEP_MS) return ms + 0;
  throw new UsageError(`${name}: time '${text}' must be from -${MAX_STEP_MS}ms to ${MAX_STEP_MS}ms, such as -3600s`);
}

/** Numbers and `lease-reads`, each once. The cluster checks the numbers' ranges. */
function settingsOf(words: readonly string[]): NodeSettings {
  const settings: Record<string, number | true> = {};
  for (const word of words) {
    const [, name = '', digits] = /^(tick-ms|election-ticks)=(\d{1,9})$/.exec(word) ?? [];
    const key = word === 'lease-reads' ? 'leaseReads' : name === 'tick-ms' ? 'tickMs' : 'electionTicks';
    if ((digits === undefined && word !== 'lease-reads') || Object.hasOwn(settings, key)) {
      throw new UsageError(`restart-with: '${word}' must be tick-ms=N, election-ticks=N or lease-reads, each once`);
    }
    settings[key] = digits === undefined ? true : Number(digits);
  }
  if (words.length === 0) throw new UsageError(`restart-with: needs ${FORMS['restart-with'].usage}`);
  return settings;
}

export const formatSettings = ({ tickMs, electionTicks, leaseReads }: NodeSettings): string =>
  [
    ...(tickMs === undefined ? [] : [`tick-ms=${tickMs}`]),
    ...(electionTicks === undefined ? [] : [`election-ticks=${electionTicks}`]),
    ...(leaseReads ? ['lease-reads'] : []),
  ].join(' ');

function kilobits(text: string): number {
  const [, digits, unit] = /^(\d{1,9})(kbit|mbit)$/.exec(text) ?? [];
  const kbit = text === '0' ? 0 : Number(digits) * (unit === 'mbit' ? 1000 : 1);
  if (kbit <= MAX_KBIT_PER_SECOND) return kbit;
  throw new UsageError(
    `rate: rate '${text}' must be 0, or up to ${MAX_KBIT_PER_SECOND / 1000}mbit, such as 500kbit or 8mbit`,
  );
}
