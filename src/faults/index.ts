/**
 * Faults for real processes: a cluster whose every link goes through a proxy that can inject faults.
 *
 * `fault.ts` defines the faults. `local-control.ts` applies them to a cluster on this machine: to links (`network.ts`,
 * a `link-proxy.ts` per link, a `pipe.ts` per direction, with the `conditions.ts` of the moment), to processes by
 * signals, to disks through a preloaded shim; and to a node's identity (`identity-faults.ts`): its folder
 * (`node-folders.ts`), another cluster's node in its place, a second process, other settings. `control-server.ts`
 * offers this to other processes of this machine, `control-client.ts` is its client, `faults-file.ts` has its address.
 *
 * Limit: no packets. The proxies see TCP streams, so nothing is lost, duplicated or reordered within a connection; a
 * cut stalls it and a loss delays it, as TCP would. A one-way cut leaves the other direction's acknowledgements alone,
 * which a real one would not for long. A connection through a cut is accepted and gets no answer (a real one would not
 * even accept); to the store both are a peer that does not answer.
 */
export {
  checkFault,
  checkLink,
  MAX_DELAY_MS,
  MAX_STEP_MS,
  MAX_KBIT_PER_SECOND,
  SETTING_RANGES,
  type ClusterSize,
} from './check-fault.js';
export { controlClient } from './control-client.js';
export { ControlServer } from './control-server.js';
export {
  FaultRefused,
  type Fault,
  type FaultControl,
  type CopyView,
  type FaultStatus,
  type LinkView,
  type NodeSettings,
  type NodeView,
  type Party,
  type RouterName,
  type RouterView,
  type ShardView,
} from './fault.js';
export { FAULTS_FILE, readFaultsFile, removeFaultsFile, writeFaultsFile, type FaultsRecord } from './faults-file.js';
export { LocalFaultControl, type ControlledNode, type FaultLinks } from './local-control.js';
export type { ProcessOptions, NodeCopy, NodeProcesses, ProcessView } from './identity-faults.js';
export { FaultNetwork } from './network.js';
