/**
 * The table of formats: what it says of builds is printed in docs/formats.md, so that no number changes unnoticed; and
 * every decoder refuses a number that is not in it by name.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { checkOptions } from '../src/embedded/options.js';
import { readOrCreateConfig } from '../src/embedded/cluster-config.js';
import { MemoryDisk, MemoryStorage } from '../src/raft/storage/memory.js';
import { decodeRow, encodeRow } from '../src/raft/storage/journal/row.js';
import { SqliteStorage } from '../src/raft/storage/index.js';
import type { EntryKind } from '../src/raft/index.js';
import { decodeCommand, encodeCommand, encodeProgramCommand } from '../src/shard/machine/command.js';
import { FORMATS, type Format } from '../src/shard/formats.js';
import { loadHash } from '../src/shard/keys/hash.js';
import { decodeKey } from '../src/shard/keys/decoder.js';
import { Deletions } from '../src/shard/machine/deletions.js';
import { KeptAnswers } from '../src/shard/machine/kept-answers.js';
import { KvMachine } from '../src/shard/machine/kv-machine.js';
import type { PlainWrite } from '../src/shard/operation.js';
import { decodeOutcome, decodeProgram, encodeOutcome, encodeProgram } from '../src/shard/program-codec.js';
import { decodeTransaction, decodeTransactionReply, encodeTransaction } from '../src/shard/transaction-codec.js';
import { PieceAssembler } from '../src/shard/transport/pieces.js';
import { FORMER_PROTOCOL, PROTOCOL } from '../src/shard/transport/protocol.js';
import { decodeNamespace } from '../src/shard/machine/namespaces.js';
import { decodeRecord } from '../src/shard/machine/record-row.js';
import { TopologyStore } from '../src/shard/cluster/topology-store.js';
import { encodeFrame, decodeFrame } from '../src/shard/transport/wire.js';
import { encodeHello, type Hello } from '../src/shard/transport/wire-hello.js';
import { checkCallerHello } from '../src/shard/transport/handshake.js';
import { InlineWorker } from './raft/storage/support/inline-worker.js';
import { f64, frame, frameBetween, termNotice, u16, u32, u48, u64, u8 } from './shard/crafted.js';
import { MapStateStore } from './support/map-state-store.js';

type Name = keyof typeof FORMATS;
const names = Object.keys(FORMATS) as Name[];
const formats = names.map((name) => FORMATS[name] as Format);

const folders: string[] = [];
beforeAll(loadHash);
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'kvorum-formats-'));
  folders.push(folder);
  return folder;
}

function builds([from, to]: readonly [from: number, to?: number]): string {
  if (from === Infinity) return 'none yet';
  if (to === undefined) return `${from} on`;
  return from === to ? `${from}` : `${from} to ${to}`;
}

/** As docs/formats.md has it. */
function printed({ what, where, rows }: Format): string {
  const lines = Object.entries(rows).map(
    ([name, { number, read, written }]) => `| ${number} | ${name} | ${read} on | ${builds(written)} |`,
  );
  const head = [`## ${what}`, '', `${where}.`, '', '| number | name | read by | written by |', '|---|---|---|---|'];
  return [...head, ...lines, ''].join('\n');
}

describe('the table', () => {
  it('is what docs/formats.md prints', () => {
    const text = readFileSync(new URL('../docs/formats.md', import.meta.url), 'utf8');
    expect(text.slice(text.indexOf('## '))).toBe(formats.map(printed).join('\n'));
  });

  it('gives a number out once, and no build writes what it cannot read', () => {
    for (const { rows } of formats) {
      const numbers = Object.values(rows).map(({ number }) => number);
      expect(new Set(numbers).size).toBe(numbers.length);
      // Those of format 1 were there before the count of builds began.
      for (const { read, written } of Object.values(rows)) expect(written[0] >= read || written[0] === 0).toBe(true);
    }
  });

  it('says the same of builds as their hellos', () => {
    expect(PROTOCOL).toEqual({ versions: { min: 1, max: 3 }, featureLevel: 4 });
    expect(FORMER_PROTOCOL).toEqual({ versions: { min: 1, max: 1 }, featureLevel: 1 });
  });
});

const hello: Hello = {
  ...{ role: 'router', from: 0, to: 1, incarnation: 1, clusterId: 'c', ...PROTOCOL, extension: {} },
};
const put: PlainWrite = {
  ...{ type: 'put', key: Uint8Array.of(64, 1), body: new Uint8Array(3), contentType: 'text/plain' },
  ...{ condition: { type: 'none' }, operationId: new Uint8Array(16), attempt: 'initial' },
};
const command = (at: number, value: number): unknown => decodeCommand(encodeCommand(put, 1).with(at, value));

/** A machine that reads what another one has written, with one byte of the row whose key begins with `space` changed. */
function reloaded(space: string, at: number, value: number): void {
  const store = new MapStateStore();
  const machine = new KvMachine(store);
  machine.apply(1, encodeCommand(put, 1));
  machine.flush();
  for (const [key, row] of [...store.scan(space)]) store.set(key, Buffer.from(row).fill(value, at, at + 1));
  new KvMachine(store).load();
}

const key = Uint8Array.of(64, 1);
const aPut = { type: 'put', key, body: new Uint8Array(3), contentType: 'a/b', expiry: { type: 'none' } } as const;
const program = Uint8Array.from(
  encodeProgram({
    comparisons: [{ type: 'absent', key }],
    then: [{ ...aPut, condition: { type: 'none' }, returning: 'nothing' }],
    otherwise: [],
    onError: 'fail',
    valueLimit: 10,
  }),
);
/** After the head of 12 bytes, and a comparison with a kind and a key of two bytes. */
const AT_STEP = 12 + 1 + 2 + 2;
const outcome = Uint8Array.from(
  encodeOutcome({ succeeded: true, results: [{ type: 'delete', deleted: true }], lastDeletion: 0, omitted: false }),
);

const onePut = {
  program: decodeProgram(program),
  ...{ thenAt: [0], otherwiseAt: [], hasComparisons: true, hasOtherwise: false },
};
const transact = { type: 'transaction', key, shard: 0, operationId: new Uint8Array(16), attempt: 'initial' } as const;

const request = [...u8(32), ...u48(1), ...u32(0), ...f64(5)];
const oneByteKey = [...u16(1), ...u8(1)];
const entryOf = (kind: number) => ({ index: 1, term: 1, kind: kind as EntryKind, data: new Uint8Array(0) });
const journalRow = (kind: number): Uint8Array =>
  encodeRow([{ group: 1, hardState: undefined, entries: [entryOf(kind)] }]);

/** Gives the decoder of each format a number that no build has written. */
const DECODERS: Readonly<Record<Name, (number: number) => unknown>> = {
  dataFolder: async (number) => {
    const directory = newFolder();
    const open = async (): Promise<void> => {
      const storage = new SqliteStorage({ directory, worker: new InlineWorker() });
      await storage.open();
      await storage.close();
    };
    await open();
    const db = new Database(join(directory, 'journal.db'));
    db.pragma(`user_version = ${number}`);
    db.close();
    await open();
  },
  journalRow: (number) => decodeRow(journalRow(1).with(0, number)),
  journalPart: (number) => decodeRow(journalRow(1).with(9, number)),
  entryKind: (number) => decodeRow(journalRow(number)),
  linkVersion: (number) => decodeFrame(frame(termNotice).with(0, number)),
  helloLayout: (number) => {
    const identity = { role: 'node', id: 1, clusterId: 'c', protocol: PROTOCOL } as const;
    const judged = checkCallerHello(identity, new Map(), encodeHello(hello).with(4, number));
    if ('refused' in judged) throw new Error(judged.refused.detail);
    return judged;
  },
  linkMessage: (number) => new PieceAssembler(100).take(Uint8Array.of(number, 0)),
  recordKind: (number) => decodeFrame(frame(u8(number))),
  operation: (number) => decodeFrame(frame(request, u8(number), oneByteKey)),
  listContent: (number) => decodeFrame(frame(request, u8(6), u8(0), u8(number))),
  listItem: (number) =>
    decodeFrame(frame(u8(33), u48(1, 1), u16(1), u8(6), u48(0, 0), u8(0), u32(1), u8(number), oneByteKey)),
  consistency: (number) => decodeFrame(frame(request, u8(3), oneByteKey, u8(number))),
  answer: (number) => decodeFrame(frame(u8(33), u48(1, 1), u16(1), u8(number))),
  featureLevel: async (number) => {
    const node = { id: 1, name: 'n1', peerAddress: 'a:1', httpAddress: 'a:2' };
    const plan = { clusterId: 'c', nodes: [node], shardCount: 1, replicas: 1, leaseReads: false };
    const storage = new MemoryStorage(new MemoryDisk());
    await storage.open();
    const topology = { ...plan, epoch: 1, hash: 'xxh64', shards: [[1]], featureLevel: number };
    const meta = new Map([['topology', Buffer.from(JSON.stringify(topology))]]);
    await new TopologyStore(plan, 1, storage).start(meta);
  },
  commandLayout: (number) => command(0, number),
  commandKind: (number) => command(32, number),
  attempt: (number) => command(23, number),
  condition: (number) => command(33, number),
  programLayout: (number) => decodeProgram(program.with(0, number)),
  comparison: (number) => decodeProgram(program.with(12, number)),
  step: (number) => decodeProgram(program.with(AT_STEP, number)),
  returning: (number) => decodeProgram(program.with(AT_STEP + 6, number)),
  expiry: (number) => decodeProgram(program.with(AT_STEP + 7, number)),
  stepResult: (number) => decodeOutcome(outcome.with(10, number)),
  transactionLayout: (number) => decodeTransaction(Uint8Array.of(number, 3)),
  transactionPhase: (number) => decodeTransaction(Uint8Array.of(1, number)),
  decision: (number) => decodeTransaction(Uint8Array.of(1, 2, number, 0)),
  transactionReply: (number) => decodeTransactionReply(Uint8Array.of(1, number)),
  vote: (number) => decodeTransactionReply(Uint8Array.of(1, 1, 0, 0, number)),
  transactionState: (number) => {
    const store = new MapStateStore();
    const machine = new KvMachine(store);
    const message = { phase: 'prepare', participants: [0, 1], client: undefined, part: onePut, waits: true } as const;
    machine.apply(1, encodeProgramCommand({ ...transact, body: encodeTransaction(message) }, 1));
    machine.flush();
    for (const [at, row] of [...store.scan('\u0003')]) store.set(at, Buffer.from(row).fill(number, 0, 1));
    new KvMachine(store).load();
  },
  recordLayout: (number) => decodeRecord(Buffer.alloc(40, number)),
  namespaceRow: (number) => decodeNamespace(Buffer.alloc(26, number)),
  deletionPage: (number) => {
    const store = new MapStateStore();
    store.set('\u000a', Buffer.alloc(7 + 14, number));
    new Deletions(store).load({ unknownUpTo: 1, last: 1, head: 0, tail: 1 });
  },
  answerRow: (number) => {
    const store = new MapStateStore();
    store.set('\u000b\u0001'.padEnd(8, '\0'), Buffer.alloc(20, number));
    const answers = new KeptAnswers(store, '\u0001');
    answers.load();
    answers.get(0);
  },
  dedupPage: (number) => {
    reloaded('\u0001', 0, number);
  },
  dedupAnswer: (number) => {
    reloaded('\u0001', 7 + 30, number);
  },
  shardMeta: (number) => {
    reloaded('\u0002', 0, number);
  },
  keyTag: (number) => decodeKey(Uint8Array.of(number)),
  embeddedConfig: (number) => {
    const dataDir = newFolder();
    writeFileSync(join(dataDir, 'cluster.json'), JSON.stringify({ format: number, clusterId: 'c' }));
    return readOrCreateConfig(checkOptions({ nodes: 1, dataDir }), 'fresh');
  },
};

describe('a format number of a later build is refused by name', () => {
  it.each(names)('%s', async (name) => {
    const { what, read } = FORMATS[name] as Format;
    // The parts of a journal record are bits.
    const number = name === 'journalPart' ? 8 : Math.max(...read) + 1;
    const decode = async (given: number): Promise<unknown> => await DECODERS[name](given);
    await expect(decode(number)).rejects.toThrow(`${what} ${number} is unknown to this build, which reads `);
    await expect(decode(number)).rejects.toThrow('; a later build wrote it');
  });

  it('requests with unknown conditions and attempts, too', () => {
    const at = [...request, ...u8(2), ...oneByteKey];
    expect(() => decodeFrame(frame(at, u8(4)))).toThrow('condition 4 is unknown to this build, which reads 0 to 3');
    expect(() => decodeFrame(frame(at, u8(0), u64(0n), u64(0n), u8(5)))).toThrow('attempt 5 is unknown to this build');
  });

  it('tags inside keys, and unused numbers between tags, too', () => {
    const { array, end } = FORMATS.keyTag.numbers;
    expect(() => decodeKey(Uint8Array.of(array, 121, end))).toThrow('key tag 121 is unknown to this build');
    expect(() => decodeKey(Uint8Array.of(array, 33, end))).toThrow('key tag 33 is unknown to this build');
  });

  it('entries of an append, too', () => {
    const entry = [...u64(9n), ...u64(4n), ...u8(3), ...u32(0)];
    const append = [...u8(1), ...u32(7), ...u48(4, 8, 3, 8)];
    expect(() => decodeFrame(frame(append, u32(1), entry))).toThrow('entry kind 3 is unknown to this build');
  });
});

describe('a record kind that link version 2 added', () => {
  const { rows } = FORMATS.recordKind as Format;
  const added = Object.entries(rows).filter(([, { read }]) => read === 2);

  it.each(added)('%s is refused on a link of version 1', (_name, { number }) => {
    const bytes = frameBetween(1, 2, u8(number), u48(1, 1), termNotice).with(0, 1);
    expect(() => decodeFrame(bytes, 1)).toThrow(`record kind ${number} has no place here, on a link of version 1`);
  });

  it('other records are accepted on a link of version 1', () => {
    const message = { type: 'ping', epoch: 1, stopping: false } as const;
    const bytes = encodeFrame({ from: 1, to: 2, messages: [message] }, 1);
    expect(decodeFrame(bytes, 1).messages).toEqual([message]);
  });
});
