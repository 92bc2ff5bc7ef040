/** What all nodes share: the topology that group 0 replicates, placement, and the settings in it. */
export { LeasePromises } from './promises.js';
export { type AgreedSettings, type LeaseStage, sameTimers, ClusterSettings } from './settings.js';
export { encodeTopology, SystemMachine } from './system-machine.js';
export { DEFAULT_TIMERS, type NodeTimers } from './timers.js';
export { type ClusterConfig, topologyCopyIn, ConfigMismatch, systemVoters, TopologyStore } from './topology-store.js';
export { groupOfShard, shardOfGroup, SYSTEM_GROUP, type Topology } from './topology.js';
