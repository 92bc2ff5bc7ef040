/**
 * The node processes of a local cluster: starts them, reports those that die, stops them.
 *
 * A dead node is restarted only under `--restart`: a user who kills one usually wants to see the cluster without it.
 * Under `--faults` the control API kills, pauses and starts nodes; it does not count as the end of the cluster if it
 * killed all.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { formatCluster, formatDetours, type Detour, type Member, type StartConfig } from '../config/index.js';
import type { ProcessOptions, NodeCopy, NodeProcesses, ProcessView } from '../faults/index.js';
import { folderBeside, type ClusterRecord } from './cluster-file.js';
import { ForeignCluster, type Flags } from './foreign-cluster.js';
import { NodeProcess, type ProcessExit } from './node-process.js';
import { fileLevel, type Screen } from './screen.js';

const RESTART_AFTER_MS = 500;
const RESTART_AFTER_AT_MOST_MS = 10_000;
/** Ports chosen by the system. */
const ELSEWHERE: Flags = { 'listen-peer': '127.0.0.1:0', 'listen-http': '127.0.0.1:0' };
/** How a node exits that was requested to; the second, before it has installed its own handler. */
const AS_REQUESTED: readonly string[] = ['ended with code 0', 'was killed by SIGTERM'];
/** Logged by a node that has started. */
const LISTENS = '"node listens"';

export interface LocalClusterOptions {
  readonly config: StartConfig;
  readonly record: ClusterRecord;
  readonly members: readonly Member[];
  /** Path of this program. */
  readonly script: string;
  readonly screen: Screen;
  /** Addresses that a node dials instead of the real ones. */
  readonly detours: (node: number) => readonly Detour[];
}

export class LocalCluster implements NodeProcesses {
  /** Settles when the last node process has exited and none will be restarted. */
  readonly allExited: Promise<void>;
  readonly #options: LocalClusterOptions;
  readonly #nodes: readonly NodeProcess[];
  readonly #foreign: ForeignCluster;
  readonly #copies = new Set<NodeProcess>();
  readonly #restarts = new Map<string, { pauseMs: number; timer: NodeJS.Timeout | undefined }>();
  #settleAllExited: () => void = () => undefined;
  #stopping = false;

  constructor(options: LocalClusterOptions) {
    this.#options = options;
    this.allExited = new Promise((resolve) => {
      this.#settleAllExited = resolve;
    });
    this.#nodes = options.members.map((member) => this.#nodeProcess(member));
    this.#foreign = new ForeignCluster({
      members: options.members,
      folderOf: ({ name }) => folderBeside(options.config.dataDir, name, 'stray'),
      processOf: (member, flags) => this.#extraProcess(`${member.name} of another cluster`, member, flags),
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
    const { pid, running, paused, exit, warnings } = this.#node(node);
    const state = paused ? 'paused' : running ? 'running' : 'dead';
    return { pid, state, ended: exit?.manner ?? null, killed: exit?.requested ?? false, warnings };
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

  start(number: number, options: ProcessOptions = {}): void {
    if (this.#stopping) throw new Error('the cluster is stopping');
    const node = this.#node(number);
    const unusual = flagsOf(options);
    node.start(this.#commandLine(this.#member(number), unusual));
    const how = Object.entries(unusual).map(([flag, value]) => ` --${flag} ${value}`.trimEnd());
    this.#options.screen.print(`node ${node.name} is restarted${how.join('')} (pid ${node.pid})`);
  }

  startCopy(number: number, dataDir: string): NodeCopy {
    if (this.#stopping) throw new Error('the cluster is stopping');
    const member = this.#member(number);
    let isUp: () => void = () => undefined;
    const up = new Promise<void>((resolve) => {
      isUp = resolve;
    });
    const copy = this.#extraProcess(`copy of ${member.name}`, member, { data: dataDir, ...ELSEWHERE }, (line) => {
      if (line.includes(LISTENS)) isUp();
    });
    this.#copies.add(copy);
    copy.start();
    const view = (): NodeCopy['view'] => {
      const { pid, running, exit, warnings } = copy;
      return { pid, state: running ? 'running' : 'dead', ended: exit?.manner ?? null, warnings };
    };
    return {
      get view() {
        return view();
      },
      up: Promise.race([up, copy.exited]),
      kill: () => copy.kill(),
    };
  }

  strayFolder(node: number): Promise<string> {
    return this.#foreign.folder(node);
  }

  /** Kills all processes besides the nodes, and removes the folders of the other cluster. */
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
      onExit: (exit) => {
        this.#onExit(node, exit);
      },
    });
    return node;
  }

  #member(number: number): Member {
    const member = this.#options.members[number - 1];
    if (member === undefined) throw new Error(`there is no node ${number}`);
    return member;
  }

  /** A process besides the nodes, which is not restarted. */
  #extraProcess(
    name: string,
    member: Member,
    flags: Flags,
    onLine: (line: string) => void = () => undefined,
  ): NodeProcess {
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
        screen.print(`${name} (pid ${pid}) ${manner}`);
      },
    });
  }

  /** All settings are on the command line, so that no environment variable makes two nodes differ. */
  #commandLine(member: Member, flags: Flags = {}): string[] {
    const { config, record, members, detours } = this.#options;
    const via = detours(member.id);
    const data = join(config.dataDir, member.name);
    mkdirSync(data, { recursive: true, mode: 0o700 });
    const settings = {
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
      ...Object.entries(settings).map(([flag, value]) => (value === '' ? `--${flag}` : `--${flag}=${value}`)),
    ];
  }

  #onExit(node: NodeProcess, exit: ProcessExit): void {
    if (this.#stopping) {
      if (!exit.requested || !AS_REQUESTED.includes(exit.manner)) this.#printExit(node, exit, '');
      return;
    }
    if (exit.requested) {
      this.#printExit(node, exit, ', as requested');
      return;
    }
    if (this.#options.config.restart) {
      this.#restartLater(node, exit);
      return;
    }
    this.#printExit(node, exit, '; it is not restarted (that takes --restart)');
    if (this.#nodes.some((other) => other.running || other.exit?.requested === true)) return;
    this.#options.screen.print('no node is left');
    this.#settleAllExited();
  }

  /** With exponential backoff, which a long uptime resets. */
  #restartLater(node: NodeProcess, exit: ProcessExit): void {
    const earlier = this.#restarts.get(node.name)?.pauseMs ?? RESTART_AFTER_MS;
    const wasStable = exit.uptimeMs > 2 * RESTART_AFTER_AT_MOST_MS;
    const pauseMs = wasStable ? RESTART_AFTER_MS : earlier;
    this.#printExit(node, exit, `; restarting it in ${pauseMs} ms`);
    const timer = setTimeout(() => {
      // The control API may have started it meanwhile.
      if (node.running) return;
      node.start();
      this.#options.screen.print(`node ${node.name} is restarted (pid ${node.pid})`);
    }, pauseMs);
    this.#restarts.set(node.name, { pauseMs: Math.min(pauseMs * 2, RESTART_AFTER_AT_MOST_MS), timer });
  }

  #printExit(node: NodeProcess, exit: ProcessExit, more: string): void {
    this.#options.screen.print(`node ${node.name} (pid ${exit.pid}) ${exit.manner}${more}`);
  }
}

function flagsOf({ dataDir, settings: { tickMs, electionTicks, leaseReads } = {} }: ProcessOptions): Flags {
  return {
    ...(dataDir === undefined ? {} : { data: dataDir }),
    ...(tickMs === undefined ? {} : { 'tick-ms': String(tickMs) }),
    ...(electionTicks === undefined ? {} : { 'election-ticks': String(electionTicks) }),
    // A flag without a value; ordinary nodes do not have it.
    ...(leaseReads ? { 'lease-reads': '' } : {}),
  };
}
