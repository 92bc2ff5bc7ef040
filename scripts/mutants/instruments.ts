/** The instruments, cheapest first. */
import type { Instrument } from './instrument.js';
import { jepsen, powerCut } from './real-processes.js';
import { contention, disks, leases, links, mixed, overShards, patience, ranges } from './simulator.js';
import { vitestInstruments } from './vitest-instruments.js';

export const INSTRUMENTS: readonly Instrument[] = [
  ...vitestInstruments,
  mixed,
  contention,
  links,
  patience,
  disks,
  leases,
  overShards,
  ranges,
  jepsen,
  powerCut,
];
