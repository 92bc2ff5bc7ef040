/**
 * Three etcd members on loopback with etcd's default settings, as `../shared/bench/etcd/cluster.sh` starts them, but on
 * free ports and in a folder of this run. Needs Debian's etcd-server.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isInstalled } from '../support/command.js';
import { freePorts, type Context } from './context.js';
import type { Counters } from './target.js';

const MEMBERS = 3;
const READY_LIMIT_MS = 30_000;
const POLL_MS = 100;
const ASK_LIMIT_MS = 2_000;

/** Why it cannot run here; undefined: it can. */
export const etcdIsMissing = (): string | undefined =>
  isInstalled('etcd') ? undefined : "the program etcd is not installed (Debian's etcd-server)";

export class EtcdCluster {
  readonly pids: readonly number[];
  /** The leader's first, so that one client is served without a hop. */
  readonly urls: readonly string[];

  private constructor(pids: readonly number[], urls: readonly string[]) {
    this.pids = pids;
    this.urls = urls;
  }

  static async start({ folder, cleanUp }: Context): Promise<EtcdCluster> {
    const place = mkdtempSync(join(folder, 'etcd-'));
    const ports = await freePorts(2 * MEMBERS);
    const urls = ports.map((port) => `http://127.0.0.1:${port}`);
    const [clients, peers] = [urls.slice(0, MEMBERS), urls.slice(MEMBERS)];
    const cluster = peers.map((peer, i) => `e${i + 1}=${peer}`).join(',');
    const members = clients.map((client, i) => {
      const flags = {
        name: `e${i + 1}`,
        'data-dir': join(place, `e${i + 1}`),
        'listen-client-urls': client,
        'advertise-client-urls': client,
        'listen-peer-urls': peers[i] ?? '',
        'initial-advertise-peer-urls': peers[i] ?? '',
        'initial-cluster': cluster,
        'initial-cluster-state': 'new',
        'log-level': 'error',
      };
      const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
      // A process group of its own: Ctrl-C is for this program, which ends it then.
      return spawn('etcd', args, { stdio: 'ignore', detached: true });
    });
    cleanUp.add('end etcd', async () => {
      await Promise.all(members.map(ended));
    });
    const ordered = await leaderFirst(clients);
    return new EtcdCluster(
      members.map(({ pid }) => pid ?? 0),
      ordered,
    );
  }

  async counters(): Promise<Counters> {
    const texts = await Promise.all(this.urls.map(async (url) => (await fetch(`${url}/metrics`)).text()));
    const sum = (name: string): number =>
      texts.reduce((total, text) => total + Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 0), 0);
    const commits = sum('etcd_disk_wal_fsync_duration_seconds_count');
    return { commits, entries: sum('etcd_server_proposals_applied_total'), loopDelays: [] };
  }
}

async function ended(member: ChildProcess): Promise<void> {
  if (member.exitCode !== null || member.signalCode !== null || member.pid === undefined) return;
  member.kill('SIGKILL');
  await once(member, 'exit');
}

interface MemberStatus {
  readonly header: { readonly member_id: string };
  readonly leader?: string;
}

/** Settles when every member knows a leader. */
async function leaderFirst(urls: readonly string[]): Promise<string[]> {
  const deadline = performance.now() + READY_LIMIT_MS;
  for (;;) {
    const statuses = await Promise.all(urls.map(status));
    const leads = statuses.map((member) => member?.leader !== undefined && member.leader === member.header.member_id);
    if (statuses.every((member) => (member?.leader ?? '0') !== '0') && leads.includes(true)) {
      return [...urls.filter((_, i) => leads[i] === true), ...urls.filter((_, i) => leads[i] !== true)];
    }
    if (performance.now() > deadline) throw new Error(`etcd is not ready after ${READY_LIMIT_MS / 1_000} s`);
    await pause(POLL_MS);
  }
}

async function status(url: string): Promise<MemberStatus | undefined> {
  try {
    const signal = AbortSignal.timeout(ASK_LIMIT_MS);
    const answer = await fetch(`${url}/v3/maintenance/status`, { method: 'POST', body: '{}', signal });
    return answer.ok ? ((await answer.json()) as MemberStatus) : undefined;
  } catch {
    return undefined;
  }
}
