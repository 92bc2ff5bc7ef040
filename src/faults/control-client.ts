/** Client of the control API of a cluster in another process; `faults-file.ts` has its address. */
import { FaultRefused, type Fault, type FaultControl, type FaultStatus } from './fault.js';

/**
 * @param url of the control API, such as http://127.0.0.1:34567
 * @returns a control that throws FaultRefused as the cluster's own does, and another error if it cannot be reached
 */
export function controlClient(url: string): FaultControl {
  return {
    async apply(fault: Fault) {
      const headers = { 'Content-Type': 'application/json' };
      await ask(`${url}/faults`, { method: 'POST', headers, body: JSON.stringify(fault) });
    },
    async status() {
      // The server is the same version of this program.
      return (await ask(`${url}/status`, {})) as FaultStatus;
    },
  };
}

async function ask(url: string, request: RequestInit): Promise<unknown> {
  const response = await fetch(url, request);
  const body = (await response.json()) as { readonly error?: string };
  if (response.ok) return body;
  const message = body.error ?? `${url} answered ${response.status}`;
  throw response.status === 400 ? new FaultRefused(message) : new Error(message);
}
