/**
 * Configuration: the settings of a process, checked and complete.
 *
 * `settings.ts` is the table of all settings with their limits; `sources.ts` collects flags, environment and file;
 * `config.ts` checks combinations of settings and returns complete values. Nothing else in the project reads an
 * environment variable or a configuration file.
 */
export {
  formatAddress,
  formatCluster,
  formatDetours,
  parseAddress,
  type Address,
  type Detour,
  type Member,
} from './address.js';
export {
  leastMaxJournalBytes,
  makeClusterId,
  nodeConfig,
  routerConfig,
  startConfig,
  type NodeConfig,
  type RouterConfig,
  type StartConfig,
} from './config.js';
export { ConfigError } from './config-error.js';
export { nodeSettings, routerSettings, startSettings, type LogLevel, type Settings } from './settings.js';
export { simConfig, simSettings, type SimConfig, type SimOverrides } from './sim.js';
export { environmentName, flagName } from './sources.js';
