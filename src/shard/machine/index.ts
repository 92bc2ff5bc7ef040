/** The state machine of a shard: commands in, rows out, with the table of answers that makes retries safe. Pure; knows no Raft, no node. */
export { encodeCommand } from './command.js';
export { KvMachine } from './kv-machine.js';
export type { Machine } from './machine.js';
export { Memtable } from './memtable.js';
export { RowCache } from './row-cache.js';
export type { StateStore } from './state-store.js';
