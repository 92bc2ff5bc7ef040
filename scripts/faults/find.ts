/** Finds the control API of a cluster on this machine by its data folder. */
import { controlClient, readFaultsFile, type FaultControl, type FaultStatus } from '../../src/faults/index.js';
import { messageOf } from '../../src/thrown.js';

export interface Found {
  readonly control: FaultControl;
  /** Its status when it was found. */
  readonly status: FaultStatus;
}

/** @throws if no cluster with faults runs there; the message says how to start one */
export async function findControl(dataDir: string): Promise<Found> {
  const file = readFaultsFile(dataDir);
  const advice = `start one with: npm start -- --faults --data ${dataDir}`;
  if (file === undefined) throw new Error(`no cluster with --faults runs with the data in ${dataDir}; ${advice}`);
  const control = controlClient(file.url);
  try {
    return { control, status: await control.status() };
  } catch (error) {
    const why = messageOf(error);
    throw new Error(
      `the cluster in ${dataDir} (process ${file.pid}) does not answer at ${file.url}: ${why}; ${advice}`,
      {
        cause: error,
      },
    );
  }
}
