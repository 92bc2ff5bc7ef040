/**
 * A process to be killed: opens the store in the given folder and writes until it is killed, reporting on its
 * standard output what has been acknowledged. Run through tsx by `processes.test.ts`.
 *
 *     c <index> <term>     entry <index> of group 1 and the vote of <term> are durable
 *     k <index>            a checkpoint at <index> is durable
 *     i <index> <term>     group 2 is installed at <index>
 */
import { writeSync } from 'node:fs';
import { SqliteStorage } from '../../../../src/raft/storage/index.js';
import { StateRowWriter } from '../../../../src/raft/storage/state/state-rows.js';
import { bytes, entry, meta, row } from './builders.js';

const say = (line: string): void => {
  writeSync(1, `${line}\n`);
};

const storage = new SqliteStorage({ directory: process.argv[2] ?? '', journalSlackBytes: 4096 });
const { groups } = await storage.open();
const group = groups.get(1);
let index = group?.entries.at(-1)?.index ?? group?.snapshot.index ?? 0;
let term = group?.hardState.term ?? 0;
let installed = groups.get(2)?.snapshot.index ?? 0;
say('open');

async function commit(): Promise<void> {
  const at = ++index;
  const votedIn = ++term;
  const hardState = { term: votedIn, vote: 1 + (votedIn % 3), commit: at - 1 };
  await storage.commit([{ group: 1, hardState, entries: [entry(at, votedIn)] }]);
  say(`c ${at} ${votedIn}`);
}

async function checkpoint(): Promise<void> {
  const at = index;
  await storage.checkpoint([
    { group: 1, meta: meta(at, term), rows: [row('applied', String(at)), row(`k${at % 7}`, 'x')] },
  ]);
  say(`k ${at}`);
}

async function install(): Promise<void> {
  const at = ++installed;
  const writer = new StateRowWriter();
  writer.add('installed', bytes(String(at)));
  await storage.stageChunk(2, 0, writer.take());
  await storage.install(2, meta(at, at), { term: at, vote: 0, commit: at });
  say(`i ${at} ${at}`);
}

for (let round = 0; ; round++) {
  const others: Promise<void>[] = [];
  if (round % 3 === 0) others.push(checkpoint());
  if (round % 4 === 0) others.push(install());
  // Several in flight at once, as in a node.
  for (let i = 0; i < 5; i++) await Promise.all([commit(), commit(), commit()]);
  await Promise.all(others);
}
