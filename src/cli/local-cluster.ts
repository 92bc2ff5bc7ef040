/**
 * The node processes of a local cluster: started together, reported when they die, stopped together.
 *
 * It restarts a dead node only where asked to: a person who kills one wants to see the cluster do without it.
 * Under `--faults` somebody may kill, pause and start them; a cluster whose nodes are dead because they were told to
 * be has not died out. Knows no router and no proxy.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { formatCluster, formatDetours, type Detour, type Member, type StartConfig } from '../config/index.js';
import type { LifeOptions, NodeCopy, NodeProcesses, ProcessView } from '../faults/index.js';
import { folderBeside, type ClusterRecord } from './cluster-file.js';
import { ForeignCluster, type Flags } from './foreign-cluster.js';
import { NodeProcess, type Ending } from './node-process.js';
import { fileLevel, type Screen } from './screen.js';

const RESTART_AFTER_MS = 500;
const RESTART_AFTER_AT_MOST_MS = 10_000;
/** The system chooses a port. */
const ELSEWHERE: Flags = { 'listen-peer': '127.0.0.1:0', 'listen-http': '127.0.0.1:0' };
/** What a node logs when it has come up. */
/** How a node ends that was asked to; the second, while it has not yet installed its own handler. */
const AS_ASKED: readonly string[] = ['ended with code 0', 'was killed by SIGTERM'];
const LISTENS = '"node listens"';

export interface LocalClusterOptions {
  readonly config: StartConfig;
  readonly record: ClusterRecord;
  readonly members: readonly Member[];
  /** The script of this very program. */
  readonly script: string;
  readonly screen: Screen;
  /** Where a node dials, if not where the others are. */
  readonly detours: (node: number) => readonly Detour[];
}

export class LocalCluster implements NodeProcesses {
  /** Settles when the last node process is gone and none will be started again. */
  readonly noneLeft: Promise<void>;
  readonly #options: LocalClusterOptions;
  readonly #nodes: readonly NodeProcess[];
  readonly #foreign: ForeignCluster;
  readonly #copies = new Set<NodeProcess>();
  readonly #restarts = new Map<string, { pauseMs: number; timer: NodeJS.Timeout | undefined }>();
  #settleNoneLeft: () => void = () => undefined;
  #stopping = false;

  constructor(options: LocalClusterOptions) {
    this.#options = options;
    this.noneLeft = new Promise((resolve) => {
      this.#settleNoneLeft = resolve;
    });
    this.#nodes = options.members.map((member) => this.#nodeProcess(member));
    this.#foreign = new ForeignCluster({
      members: options.members,
      folderOf: ({ name }) => folderBeside(options.config.dataDir, name, 'stray'),
      processOf: (member, flags) => this.#further(`${member.name} of another cluster`, member, flags),
    });
  }

  /** In the order of the nodes. */
  /** Processes of nodes that are there now. */
  get runningNodes(): number {
    return this.#nodes.filter(({ running }) => running).length;
  }

  get pids(): readonly number[] {
    return this.#nodes.map((node) => node.pid);
  }

  startAll(): void {
    for (const node of this.#nodes) node.start();
  }

  view(node: number): ProcessView {
    const { pid, running, paused, ending, warnings } = this.#node(node);
    const state = paused ? 'paused' : running ? 'running' : 'dead';
    return { pid, state, ended: ending?.manner ?? null, killed: ending?.asked ?? false, warnings };
  }

  kill(node: number): Promise<void> {
    return this.#node(node).kill();
  }

  pause(node: number): void {
    this.#node(node).signal('SIGSTOP');
  }

  resume(node: number): void {
    this.#node(node).signal('SIGCONT');
  }

  start(number: number, life: LifeOptions = {}): void {
    if (this.#stopping) throw new Error('the cluster is stopping');
    const node = this.#node(number);
    const unusual = flagsOf(life);
    node.start(this.#commandLine(this.#member(number), unusual));
    const how = Object.entries(unusual).map(([flag, value]) => ` --${flag} ${value}`.trimEnd());
    this.#options.screen.say(`node ${node.name} is started again${how.join('')} (pid ${node.pid})`);
  }

  startCopy(number: number, dataDir: string): NodeCopy {
    if (this.#stopping) throw new Error('the cluster is stopping');
    const member = this.#member(number);
    let isUp: () => void = () => undefined;
    const up = new Promise<void>((resolve) => {
      isUp = resolve;
    });
    const copy = this.#further(`copy of ${member.name}`, member, { data: dataDir, ...ELSEWHERE }, (line) => {
      if (line.includes(LISTENS)) isUp();
    });
    this.#copies.add(copy);
    copy.start();
    const view = (): NodeCopy['view'] => {
      const { pid, running, ending, warnings } = copy;
      return { pid, state: running ? 'running' : 'dead', ended: ending?.manner ?? null, warnings };
    };
    return {
      get view() {
        return view();
      },
      up: Promise.race([up, copy.gone]),
      kill: () => copy.kill(),
    };
  }

  strayFolder(node: number): Promise<string> {
    return this.#foreign.folder(node);
  }

  /** What was started for faults beside the nodes is gone, and the folders of another cluster, too. */
  async endFurther(): Promise<void> {
    await Promise.all([...this.#copies].map((copy) => copy.kill()));
    await this.#foreign.end();
    await this.#foreign.removeFolders();
  }

  /** SIGTERM to all at once, SIGKILL to what is left after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    for (const restart of this.#restarts.values()) clearTimeout(restart.timer);
    await Promise.all(this.#nodes.map((node) => node.stop(graceMs)));
  }

  #node(number: number): NodeProcess {
    const node = this.#nodes[number - 1];
    if (node === undefined) throw new Error(`there is no node ${number}`);
    return node;
  }

  #nodeProcess(member: Member): NodeProcess {
    const { screen, script } = this.#options;
    const node = new NodeProcess({
      name: member.name,
      script,
      args: this.#commandLine(member),
      onLine: (line) => {
        screen.nodeLine(member.name, line);
      },
      onExit: (ending) => {
        this.#onExit(node, ending);
      },
    });
    return node;
  }

  #member(number: number): Member {
    const member = this.#options.members[number - 1];
    if (member === undefined) throw new Error(`there is no node ${number}`);
    return member;
  }

  /** A process beside the nodes: its end is nobody's loss. */
  #further(name: string, member: Member, flags: Flags, onLine: (line: string) => void = () => undefined): NodeProcess {
    const { screen, script } = this.#options;
    return new NodeProcess({
      name,
      script,
      args: this.#commandLine(member, flags),
      onLine: (line) => {
        onLine(line);
        screen.nodeLine(name, line);
      },
      onExit: ({ pid, manner }) => {
        screen.say(`${name} (pid ${pid}) ${manner}`);
      },
    });
  }

  /** Everything is said on the command line, so that no variable of the environment makes two nodes differ. */
  #commandLine(member: Member, flags: Flags = {}): string[] {
    const { config, record, members, detours } = this.#options;
    const via = detours(member.id);
    const data = join(config.dataDir, member.name);
    mkdirSync(data, { recursive: true, mode: 0o700 });
    const said = {
      name: member.name,
      cluster: formatCluster(members),
      data,
      'cluster-id': record.clusterId,
      shards: record.shards,
      replicas: record.replicas,
      'log-level': fileLevel(config.logLevel),
      'listen-http': `${member.http.host}:${member.http.port}`,
      'listen-peer': `${member.peer.host}:${member.peer.port}`,
      ...(via.length === 0 ? {} : { via: formatDetours(via) }),
      ...(config.allowedHosts.length === 0 ? {} : { 'allowed-hosts': config.allowedHosts.join(',') }),
      ...flags,
    };
    return [
      'node',
      ...Object.entries(said).map(([flag, value]) => (value === '' ? `--${flag}` : `--${flag}=${value}`)),
    ];
  }

  #onExit(node: NodeProcess, ending: Ending): void {
    if (this.#stopping) {
      if (!ending.asked || !AS_ASKED.includes(ending.manner)) this.#say(node, ending, '');
      return;
    }
    if (ending.asked) {
      this.#say(node, ending, ', as told');
      return;
    }
    if (this.#options.config.restart) {
      this.#restartLater(node, ending);
      return;
    }
    this.#say(node, ending, '; it is not started again (say --restart for that)');
    if (this.#nodes.some((other) => other.running || other.ending?.asked === true)) return;
    this.#options.screen.say('no node is left');
    this.#settleNoneLeft();
  }

  /** Sooner after a long life, later and later for a node that dies at once. */
  #restartLater(node: NodeProcess, ending: Ending): void {
    const earlier = this.#restarts.get(node.name)?.pauseMs ?? RESTART_AFTER_MS;
    const livedLong = ending.livedMs > 2 * RESTART_AFTER_AT_MOST_MS;
    const pauseMs = livedLong ? RESTART_AFTER_MS : earlier;
    this.#say(node, ending, `; starting it again in ${pauseMs} ms`);
    const timer = setTimeout(() => {
      // A fault may have started it meanwhile.
      if (node.running) return;
      node.start();
      this.#options.screen.say(`node ${node.name} is started again (pid ${node.pid})`);
    }, pauseMs);
    this.#restarts.set(node.name, { pauseMs: Math.min(pauseMs * 2, RESTART_AFTER_AT_MOST_MS), timer });
  }

  #say(node: NodeProcess, ending: Ending, more: string): void {
    this.#options.screen.say(`node ${node.name} (pid ${ending.pid}) ${ending.manner}${more}`);
  }
}

function flagsOf({ dataDir, settings: { tickMs, electionTicks, leaseReads } = {} }: LifeOptions): Flags {
  return {
    ...(dataDir === undefined ? {} : { data: dataDir }),
    ...(tickMs === undefined ? {} : { 'tick-ms': String(tickMs) }),
    ...(electionTicks === undefined ? {} : { 'election-ticks': String(electionTicks) }),
    // Without a value; the usual ones do not have it.
    ...(leaseReads ? { 'lease-reads': '' } : {}),
  };
}
