/**
 * Runs a transcript: a text of commands, each followed by its output. `#` lines and blank lines are kept as they are, a line
 * that starts with `> ` is a command, every other line is output. The commands are in the table below; `expect` asserts
 * what the scenario demands, and fails the run even when transcripts are being regenerated.
 */
import { describeMessage, describeStatus, NONE, type Message, type NodeId } from '../../../src/raft/index.js';
import { Cluster, type ClusterOptions } from './cluster.js';
import type { DiskCopy } from './disk.js';
import { logOf } from './entries.js';
import type { Filter } from './network.js';
import { showEntry, showEvent } from './notation.js';
import type { Timing } from './replica.js';

/** Runs the commands of `source` and returns it with the output that they gave now. */
export function runScript(source: string): string {
  const script = new Script();
  const out: string[] = [];
  for (const line of source.split('\n')) {
    if (line.startsWith('#') || line.trim() === '') {
      out.push(line);
    } else if (line.startsWith('> ')) {
      out.push(line);
      try {
        out.push(...script.run(line.slice(2)).map((output) => `  ${output}`));
      } catch (error) {
        throw new Error(`${line}: ${String(error)}\n${out.join('\n')}\n${script.unseen().join('\n')}`, {
          cause: error,
        });
      }
    }
  }
  return out.join('\n');
}

interface Command {
  readonly words: readonly string[];
  readonly options: ReadonlyMap<string, string>;
}

/** Words without `=` are positional; `name=value` are options. */
function parse(line: string): Command {
  const words: string[] = [];
  const options = new Map<string, string>();
  for (const word of line.split(/\s+/).filter((part) => part !== '')) {
    const equals = word.indexOf('=');
    if (equals > 0) options.set(word.slice(0, equals), word.slice(equals + 1));
    else words.push(word);
  }
  return { words, options };
}

function numeral(word: string | undefined): number {
  const value = Number(word);
  if (word === undefined || !Number.isInteger(value)) throw new Error(`a number is wanted, not ${word ?? 'nothing'}`);
  return value;
}

function numerals(word: string | undefined): number[] {
  return word === undefined || word === '' ? [] : word.split(',').map(numeral);
}

/** `1>2`, `1>`, `>2`, `append`, `1>2 append`. */
function filterOf(words: readonly string[]): Filter {
  let filter: Filter = {};
  for (const word of words) {
    const [from, to] = word.split('>');
    if (to === undefined) filter = { ...filter, type: word as Message['type'] };
    else
      filter = {
        ...filter,
        ...(from === '' ? {} : { from: numeral(from) }),
        ...(to === '' ? {} : { to: numeral(to) }),
      };
  }
  return filter;
}

const TIMINGS = {
  election: 'electionTicks',
  heartbeat: 'heartbeatTicks',
  'append-bytes': 'maxAppendBytes',
  inflight: 'maxInflight',
  uncommitted: 'maxUncommittedBytes',
  quiesce: 'quiesceTicks',
} as const satisfies Record<string, keyof Timing>;

class Script {
  #made: Cluster | undefined;
  readonly #copies = new Map<NodeId, DiskCopy>();
  #output: string[] = [];
  #muted = false;

  /** Output so far of the command that failed. */
  unseen(): string[] {
    return this.#output;
  }

  run(line: string): string[] {
    const { words, options } = parse(line);
    const [name, ...rest] = words;
    const command = this.#commands[name ?? ''];
    if (command === undefined) throw new Error(`unknown command ${name ?? ''}`);
    this.#output = [];
    command(rest, options);
    return this.#output;
  }

  get #cluster(): Cluster {
    if (this.#made === undefined) throw new Error('`cluster` comes first');
    return this.#made;
  }

  #print(line: string): void {
    if (!this.#muted) this.#output.push(line);
  }

  #make(options: ReadonlyMap<string, string>): void {
    const count = Number(options.get('nodes') ?? 3);
    const learners = numerals(options.get('learners'));
    const voters = Array.from({ length: count }, (_, at) => at + 1).filter((id) => !learners.includes(id));
    const timing: Partial<Record<keyof Timing, number>> = {};
    const disks: Record<
      NodeId,
      { entries: ReturnType<typeof logOf>; hardState: { term: number; vote: NodeId; commit: number } }
    > = {};
    for (const [option, value] of options)
      if (option in TIMINGS) timing[TIMINGS[option as keyof typeof TIMINGS]] = numeral(value);
    const term = Number(options.get('term') ?? 0);
    for (const id of [...voters, ...learners]) {
      const terms = numerals(options.get(`log${id}`));
      const hardState = { term: Math.max(term, terms.at(-1) ?? 0), vote: NONE, commit: 0 };
      disks[id] = { entries: logOf(terms), hardState };
    }
    const seed = options.get('seed');
    const settings: ClusterOptions = {
      voters,
      learners,
      timing: timing as Partial<Timing>,
      disks,
      ...(seed === undefined ? {} : { seed: numeral(seed) }),
      observe: (event) => {
        this.#print(showEvent(event));
      },
    };
    this.#made = new Cluster(settings);
    const chunk = options.get('chunk');
    if (chunk !== undefined) for (const replica of this.#cluster.replicas.values()) replica.chunkBytes = numeral(chunk);
  }

  #everyone(word: string | undefined): NodeId[] {
    return word === 'all' || word === undefined ? this.#cluster.running().map(({ id }) => id) : numerals(word);
  }

  /** `expect 2 role=follower commit=3 state=a,b terms=1,1,2`: fails unless node 2 has this status. */
  #expect(rest: readonly string[], options: ReadonlyMap<string, string>): void {
    for (const id of this.#everyone(rest[0])) {
      const status = this.#cluster.status(id);
      const fields: Record<string, string> = {
        role: status.role,
        term: String(status.term),
        vote: String(status.vote),
        leader: String(status.leader),
        commit: String(status.commit),
        applied: String(status.applied),
        first: String(status.firstIndex),
        last: String(status.lastIndex),
        stable: String(status.stableIndex),
        quiet: String(status.quiesced),
        state: this.#cluster.state(id).join(','),
        terms: this.#cluster.terms(id).join(','),
        durableTerm: String(this.#cluster.node(id).disk.hardState.term),
        durableVote: String(this.#cluster.node(id).disk.hardState.vote),
        durableLast: String(this.#cluster.node(id).disk.lastIndex),
      };
      for (const [name, wanted] of options) {
        if (!(name in fields)) throw new Error(`no such field: ${name}`);
        if (fields[name] !== wanted) throw new Error(`n${id}: ${name} is ${fields[name] ?? ''}, not ${wanted}`);
      }
    }
  }

  /** `expect-flight 2>1 append`: a matching message is in flight; `expect-no-flight`: none is. */
  #expectFlight(rest: readonly string[], wanted: boolean): void {
    const filter = filterOf(rest);
    const found = this.#cluster.network.inFlight.some(
      (message) =>
        (filter.from ?? message.from) === message.from &&
        (filter.to ?? message.to) === message.to &&
        (filter.type ?? message.type) === message.type,
    );
    if (found !== wanted) throw new Error(`${rest.join(' ')} is ${found ? '' : 'not '}in flight`);
  }

  readonly #commands: Record<string, (rest: readonly string[], options: ReadonlyMap<string, string>) => void> = {
    cluster: (_, options) => {
      this.#make(options);
    },
    campaign: ([id]) => {
      this.#cluster.campaign(numeral(id));
    },
    tick: ([id, count]) => {
      for (const node of this.#everyone(id)) this.#cluster.tick(node, Number(count ?? 1));
    },
    propose: ([id, ...data]) => {
      const result = this.#cluster.propose(numeral(id), ...data);
      if (result.type === 'refused') this.#print(`n${id ?? ''} refuses: ${result.reason}`);
    },
    read: ([id]) => {
      const result = this.#cluster.read(numeral(id));
      this.#print(result.type === 'accepted' ? `read context ${result.context}` : `n${id ?? ''} refuses the read`);
    },
    transfer: ([from, to]) => {
      this.#print(this.#cluster.transfer(numeral(from), numeral(to)));
    },
    'forget-leader': ([id]) => {
      this.#cluster.forgetLeader(numeral(id));
    },
    unreachable: ([id, peer]) => {
      this.#cluster.unreachable(numeral(id), numeral(peer));
    },
    compact: ([id, index]) => {
      this.#cluster.compact(numeral(id), index === undefined ? undefined : numeral(index));
    },
    'apply-slowly': ([id]) => {
      this.#cluster.applySlowly(numeral(id), true);
    },
    apply: ([id, count]) => {
      this.#cluster.applyWaiting(numeral(id), count === undefined ? undefined : numeral(count));
    },
    sync: ([id, count]) => {
      for (const node of this.#everyone(id)) this.#cluster.sync(node, Number(count ?? Infinity));
    },
    crash: ([id], options) => {
      const node = numeral(id);
      if (options.get('between') === 'persist,send') this.#cluster.crashBetweenPersistAndSend(node);
      else this.#cluster.crash(node);
    },
    /** Changes the disk of a node that is down: `disk 3 term=7 vote=3`. */
    disk: ([id], options) => {
      const { disk } = this.#cluster.node(numeral(id));
      const term = numeral(options.get('term'));
      disk.hardState = { ...disk.hardState, term, vote: Number(options.get('vote') ?? NONE) };
    },
    /** Copies the disk of a node, for `roll-back`. */
    copy: ([id]) => {
      this.#copies.set(numeral(id), this.#cluster.node(numeral(id)).disk.copy());
    },
    /** The disk of a node that is down becomes what it was at `copy`, or empty. */
    'roll-back': ([id]) => {
      this.#cluster.node(numeral(id)).disk.rollBack(this.#copies.get(numeral(id)));
    },
    quarantine: ([id, boot]) => {
      this.#cluster.quarantine(numeral(id), numeral(boot));
    },
    /** `restart 3`, or `restart 3 quarantine=2`: in a quarantine that is not over. */
    restart: ([id], options) => {
      const boot = options.get('quarantine');
      this.#cluster.node(numeral(id)).quarantine = boot === undefined ? undefined : numeral(boot);
      this.#cluster.restart(numeral(id));
      this.#print(describeStatus(this.#cluster.status(numeral(id))));
    },
    deliver: (rest) => {
      this.#cluster.deliver(filterOf(rest));
    },
    drop: (rest) => {
      this.#cluster.drop(filterOf(rest));
    },
    dup: (rest) => {
      this.#cluster.network.duplicate(filterOf(rest));
    },
    reverse: (rest) => {
      this.#cluster.network.reverse(filterOf(rest));
    },
    hold: (rest) => {
      this.#cluster.network.hold(filterOf(rest));
    },
    release: (rest) => {
      this.#cluster.network.release(filterOf(rest));
    },
    partition: ([groups]) => {
      this.#cluster.partition(...(groups ?? '').split('|').map(numerals));
    },
    cut: ([link]) => {
      const [from, to] = (link ?? '').split('>');
      this.#cluster.network.cut(numeral(from), numeral(to));
    },
    heal: () => {
      this.#cluster.heal();
    },
    /** `settle`, or `settle except 1>3 snapshot`: what matches stays in flight. */
    settle: ([except, ...rest]) => {
      this.#cluster.settle(except === 'except' ? filterOf(rest) : undefined);
    },
    run: ([ticks]) => {
      this.#cluster.run(numeral(ticks));
    },
    /** Runs the rest of the line without printing its output. */
    quietly: (rest, options) => {
      this.#muted = true;
      this.#commands[rest[0] ?? '']?.(rest.slice(1), options);
      this.#muted = false;
    },
    flight: () => {
      for (const message of this.#cluster.network.inFlight) this.#print(describeMessage(message));
    },
    status: ([id]) => {
      for (const node of this.#everyone(id)) this.#print(describeStatus(this.#cluster.status(node)));
    },
    log: ([id]) => {
      const { shadow } = this.#cluster.node(numeral(id));
      this.#print(shadow.map(showEntry).join(', '));
    },
    expect: (rest, options) => {
      this.#expect(rest, options);
    },
    'expect-flight': (rest) => {
      this.#expectFlight(rest, true);
    },
    'expect-no-flight': (rest) => {
      this.#expectFlight(rest, false);
    },
  };
}
