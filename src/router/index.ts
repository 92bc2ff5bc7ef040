/**
 * The router room: HTTP in front, and one operation at a time brought to the leader of its shard.
 */
export type * from './backend.js';
export * from './dispatch.js';
export * from './limits.js';
export * from './node-backend.js';
export * from './remote-backend.js';
