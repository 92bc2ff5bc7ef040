/** Frames that no correct node sends are refused with a `WireError` (bad-inputs row 25). */
import { describe, expect, test } from 'vitest';
import { WireError } from '../../src/shard/transport/wire-buffer.js';
import { decodeFrame, WIRE_VERSION } from '../../src/shard/transport/wire.js';
import { ascii, bytesOf, f64, frame, frameBetween, termNotice, text, u16, u32, u48, u64, u8 } from './crafted.js';

/** An append of group 7 in term 4, after 8@3, commit 8; the entries follow. */
const append = [...u8(1), ...u32(7), ...u48(4, 8, 3, 8)];
const entry = (index: bigint | number, term: bigint | number, kind = 1, length = 0): number[] => [
  ...u64(BigInt(index)),
  ...u64(BigInt(term)),
  ...u8(kind),
  ...u32(length),
];
/** A snapshot chunk of group 7 in term 4; the configuration follows. */
const snapshot = (index: bigint | number, term: bigint | number): number[] => [
  ...u8(8),
  ...u32(7),
  ...u48(4),
  ...u64(BigInt(index)),
  ...u64(BigInt(term)),
];
const voters = (...ids: number[]): number[] => [...u16(ids.length), ...ids.flatMap(u16)];
const noIds = voters();
/** A request for shard 0; the budget follows. */
const request = [...u8(32), ...u48(1), ...u32(0)];
const oneByteKey = [...u16(1), ...u8(1)];
/** A reply of node 1 in term 1; the answer follows. */
const reply = [...u8(33), ...u48(1, 1), ...u16(1)];

describe('row 25: crafted frames are refused', () => {
  test.each<[string, Uint8Array, RegExp]>([
    ['no bytes at all', bytesOf(), /truncated/],
    ['only a header', frame(), /without messages/],
    ['another version', bytesOf(u8(WIRE_VERSION + 1), u16(1), u16(2), termNotice), /version/],
    ['an unknown raft type', frame(u8(31), u32(1), u48(1)), /record kind 31 is unknown to this build/],
    ['type 0', frame(u8(0), u32(1), u48(1)), /record kind 0 is unknown to this build/],
    ['an unknown type', frame(u8(99)), /record kind 99 is unknown to this build/],
    ['a second message of an unknown type', frame(termNotice, u8(99)), /record kind 99 is unknown to this build/],
    ['a question about the processes of no node', frame(u8(39), u16(0), u48(7)), /no node/],
    ['an answer with an unknown flag', frame(u8(40), u16(3), u48(7), u8(2)), /flags/],
    ['an answer with half a process', frame(u8(40), u16(3), u48(7), u8(1), u48(8)), /truncated/],
    ['raft from a router', frameBetween(0, 2, termNotice), /router/],
    ['raft to a router', frameBetween(1, 0, termNotice), /router/],
    ['self as sender', frameBetween(2, 2, termNotice), /itself/],
    ['a gap before the entries', frame(append, u32(1), entry(10, 4)), /gap/],
    ['a gap between entries', frame(append, u32(2), entry(9, 4), entry(11, 4)), /gap/],
    ['entries that go back', frame(append, u32(2), entry(9, 4), entry(9, 4)), /gap/],
    ['a term that falls', frame(append, u32(1), entry(9, 2)), /term 2/],
    ['an entry of a later term', frame(append, u32(1), entry(9, 5)), /term 5/],
    ['an unknown kind of entry', frame(append, u32(1), entry(9, 4, 3)), /kind 3/],
    ['an entry longer than the frame', frame(append, u32(1), entry(9, 4, 1, 1)), /1 bytes wanted/],
    ['an entry of 4 GiB', frame(append, u32(1), entry(9, 4, 1, 2 ** 32 - 1)), /bytes wanted/],
    ['4 thousand million entries', frame(append, u32(2 ** 32 - 1)), /do not fit/],
    ['more entries than there are', frame(append, u32(2), entry(9, 4)), /do not fit/],
    ['an entry at 2^48', frame(append, u32(1), entry(2n ** 48n, 4)), /not an integer in/],
    ['an entry at 2^53 - 1', frame(append, u32(1), entry(2n ** 53n - 1n, 4)), /not an integer in/],
    ['an entry at 2^63', frame(append, u32(1), entry(2n ** 63n, 4)), /exceeds/],
    ['an entry of term 2^53 - 1', frame(append, u32(1), entry(9, 2n ** 53n - 1n)), /term/],
    ['a snapshot header without the rest', frame(snapshot(5, 4)), /bytes wanted/],
    ['a snapshot without data', frame(snapshot(5, 4), voters(1), noIds, noIds, u48(0), u8(1)), /truncated/],
    [
      'a snapshot shorter than its length',
      frame(snapshot(5, 4), voters(1), noIds, noIds, u48(0), u8(1), u32(1)),
      /1 more/,
    ],
    ['a snapshot of nothing', frame(snapshot(0, 0), voters(1), noIds, noIds), /nothing/],
    ['a snapshot at 2^48', frame(snapshot(2n ** 48n, 1), voters(1), noIds, noIds), /not an integer in/],
    ['a snapshot of a later term', frame(snapshot(5, 5), voters(1), noIds, noIds), /term 5/],
    ['a configuration without voters', frame(snapshot(5, 4), noIds, noIds, noIds), /without voters/],
    ['a voter twice', frame(snapshot(5, 4), voters(1, 1), noIds, noIds), /twice/],
    ['learner 0', frame(snapshot(5, 4), voters(1), noIds, voters(0)), /zero/],
    ['more voters than bytes', frame(snapshot(5, 4), u16(65_535), u16(1)), /bytes wanted/],
    ['a ping with unknown flags', frame(u8(35), u48(1), u8(8)), /flags/],
    ['an endless budget', frame(request, f64(Infinity)), /budget/],
    ['a budget below zero', frame(request, f64(-1)), /budget/],
    ['a budget that is no number', frame(request, f64(NaN)), /budget/],
    ['an unknown operation', frame(request, f64(5), u8(9), oneByteKey), /operation 9 is unknown/],
    ['a key of no bytes', frame(request, f64(5), u8(3), u16(0)), /key of 0/],
    ['a key beyond 4 KiB', frame(request, f64(5), u8(3), u16(4098), new Array<number>(4098).fill(1)), /key of 4098/],
    ['an unknown consistency', frame(request, f64(5), u8(3), oneByteKey, u8(3)), /consistency 3/],
    ['an unknown condition', frame(request, f64(5), u8(2), oneByteKey, u8(4)), /condition 4/],
    ['half an operation id', frame(request, f64(5), u8(2), oneByteKey, u8(0), u64(0n)), /truncated/],
    ['an unknown attempt', frame(request, f64(5), u8(2), oneByteKey, u8(0), u64(0n), u64(0n), u8(9)), /attempt 9/],
    ['an unknown answer', frame(reply, u8(9)), /answer 9/],
    ['an answer with unknown flags', frame(reply, u8(1), u48(1, 1), u8(4)), /flags 4/],
    ['a get with half a record', frame(reply, u8(3), u48(1), u8(1), u48(1)), /truncated/],
    ['an unknown error', frame(reply, u8(4), ascii('made-up')), /made-up/],
    ['an error called like a method', frame(reply, u8(4), ascii('toString')), /toString/],
    ['an error with a line break', frame(reply, u8(4), ascii('internal\n')), /ASCII/],
    ['a text that is not UTF-8', frame(u8(34), u32(2), u8(0xc0), u8(0xaf)), /UTF-8/],
    ['a topology that is not JSON', frame(u8(34), text('{')), /not JSON/],
    ['a topology that is something else', frame(u8(34), text('[]')), /does not fit/],
    ['a text longer than the frame', frame(u8(34), u32(2 ** 32 - 1)), /truncated/],
    ['a status of node 0', frame(u8(37), u48(1), text('{"id":0}')), /does not fit/],
  ])('%s', (_name, bytes, reason) => {
    expect(() => decodeFrame(bytes)).toThrow(WireError);
    expect(() => decodeFrame(bytes)).toThrow(reason);
  });

  const topology = {
    clusterId: 'c',
    epoch: 1,
    shardCount: 1,
    replicas: 1,
    hash: 'xxh64',
    leaseReads: false,
    nodes: [{ id: 1, name: 'n1', peerAddress: 'a:1', httpAddress: 'a:2' }],
    shards: [[1]],
  };
  const withTopology = (json: string): Uint8Array => frame(u8(34), text(json));

  test('the topology that the next tests corrupt is valid', () => {
    expect(decodeFrame(withTopology(JSON.stringify(topology))).messages).toEqual([{ type: 'topology', topology }]);
  });

  test.each<[string, string]>([
    ['an epoch of 1e309', JSON.stringify(topology).replace('"epoch":1', '"epoch":1e309')],
    ['an epoch of 2^63', JSON.stringify({ ...topology, epoch: 2 ** 63 })],
    ['an epoch of 1.5', JSON.stringify({ ...topology, epoch: 1.5 })],
    ['a negative epoch', JSON.stringify({ ...topology, epoch: -1 })],
    ['more shards than its count', JSON.stringify({ ...topology, shards: [[1], [1]] })],
    ['another hash', JSON.stringify({ ...topology, hash: 'md5' })],
    ['node 0', JSON.stringify({ ...topology, shards: [[0]] })],
    ['node 65536', JSON.stringify({ ...topology, shards: [[65_536]] })],
    ['a node twice', JSON.stringify({ ...topology, nodes: [...topology.nodes, ...topology.nodes] })],
    ['an address that is a number', JSON.stringify({ ...topology, nodes: [{ ...topology.nodes[0], peerAddress: 5 }] })],
    ['no cluster id', JSON.stringify({ ...topology, clusterId: undefined })],
  ])('a topology with %s', (_name, json) => {
    expect(() => decodeFrame(withTopology(json))).toThrow(WireError);
  });
});
