/** What the message about a damaged folder advises, followed step by step on real files: nothing acknowledged is lost. */
import Database from 'better-sqlite3';
import { cpSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { http, json, NodeGroup, statusOf } from './node-group.js';
import { Scene, until } from './processes.js';

const scene = new Scene();
afterEach(() => scene.clean());

const KEYS = 20;

async function write(group: NodeGroup, at: string, value: string): Promise<void> {
  for (let n = 0; n < KEYS; n++) {
    const { status } = await http.put(`${group.node(at).url}/v1/kv/key-${n}`, value);
    expect(status).toBeLessThan(300);
  }
}

async function expectAll(group: NodeGroup, at: string, value: string): Promise<void> {
  await until(`${at} serves`, async () => (await statusOf(`${group.node(at).url}/readyz?strict`)) === 200);
  for (let n = 0; n < KEYS; n++) {
    const answer = await http.get(`${group.node(at).url}/v1/kv/key-${n}`);
    expect([n, answer.status, answer.data]).toEqual([n, 200, value]);
  }
}

/** Every row of the journal gets a byte of its middle changed; the newest ones too, or they would pass for torn. */
function damage(folder: string): void {
  const db = new Database(join(folder, 'journal.db'));
  const slots = db.prepare<[], { id: number; data: Buffer }>('SELECT id, data FROM slots').all();
  const update = db.prepare('UPDATE slots SET data = ? WHERE id = ?');
  for (const { id, data } of slots) {
    data[60] = (data[60] ?? 0) ^ 0xff;
    update.run(data, id);
  }
  db.close();
}

/** Why the node is in quarantine, as it reports itself; null: it is not; undefined: it has not reported. */
const quarantineOf = async (group: NodeGroup, name: string): Promise<unknown> => {
  interface NodeView {
    readonly name: string;
    readonly status: { readonly quarantine: string | null } | null;
  }
  const nodes = json(await http.get(`${group.node(name).url}/v1/nodes`))['nodes'] as NodeView[] | undefined;
  return nodes?.find((node) => node.name === name)?.status?.quarantine;
};

/** The node is up to date, and counts: with another one down, it and the third serve what was written. */
async function expectCounts(group: NodeGroup, name: string, value: string): Promise<void> {
  await until(`${name} counts again`, async () => {
    return (await statusOf(`${group.node(name).url}/readyz`)) === 200 && (await quarantineOf(group, name)) === null;
  });
  const away = group.names.find((other) => other !== name) ?? '';
  await group.node(away).program.stop('SIGKILL');
  await expectAll(group, name, value);
  await write(group, name, 'newest');
}

test('a damaged folder is refused with advice, and an empty one in its place is brought up to date', async () => {
  const group = await new NodeGroup(scene, ['--shards', '4']).start();
  await write(group, 'n1', 'old');
  await group.node('n3').program.stop('SIGKILL');
  damage(group.node('n3').data);
  const { program, data } = group.startNode('n3');
  expect((await program.ended).code).toBe(1);
  expect(program.output).toMatch(/journal\.db: row \d+ .*is damaged/);
  expect(program.output).toContain('move this data folder away and start the node with an empty one');
  renameSync(data, `${data}.away`);
  await write(group, 'n1', 'new');
  const again = group.startNode('n3');
  await expectCounts(group, 'n3', 'new');
  expect(again.program.output).toContain('quarantine');
});

test('a copy of the whole folder in its place is brought up to date as well', async () => {
  const group = await new NodeGroup(scene, ['--shards', '4']).start();
  await write(group, 'n1', 'old');
  const { data, program } = group.node('n3');
  await program.stop();
  cpSync(data, `${data}.copy`, { recursive: true });
  group.startNode('n3');
  await group.ready();
  await write(group, 'n1', 'new');
  await group.node('n3').program.stop('SIGKILL');
  renameSync(data, `${data}.away`);
  renameSync(`${data}.copy`, data);
  const again = group.startNode('n3');
  await expectCounts(group, 'n3', 'new');
  expect(again.program.output).toContain('quarantine');
});
