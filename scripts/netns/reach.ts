/**
 * Checks with a connection between two parties that a cut takes effect, so that no run relies on a rule that does
 * nothing.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Party } from '../../src/faults/index.js';
import type { KernelLinks } from './links.js';
import type { Namespaces } from './namespaces.js';

const WAIT_MS = 500;
const TRY = `
const [host, port] = process.argv.slice(1);
const socket = require('node:net').connect(Number(port), host);
const end = (word) => { console.log(word); process.exit(0); };
socket.once('connect', () => end('connected'));
socket.once('error', (error) => end(error.code));
setTimeout(end, ${WAIT_MS}, 'silence');
`;

/**
 * Cuts what `from` sends to `to`, and heals it.
 * @param port where `to` listens
 * @throws Error if a connection is made in spite of the cut, or cannot be made without it
 */
export async function assertCutsCut(
  namespaces: Namespaces,
  links: KernelLinks,
  { from, to, port }: { readonly from: Party; readonly to: Party; readonly port: number },
): Promise<void> {
  const expect = async (answer: string, when: string): Promise<void> => {
    const found = await attempt(namespaces, { from, to, port });
    if (found !== answer) throw new Error(`a connection from ${from} to ${to} gave ${found} ${when}, not ${answer}`);
  };
  await expect('connected', 'on a whole link');
  links.addCuts([{ from, to }]);
  await expect('silence', 'when what it sends is cut');
  links.replaceCuts([{ from: to, to: from }]);
  await expect('silence', 'when the answers are cut');
  links.heal();
  await expect('connected', 'after the link was healed');
}

async function attempt(
  namespaces: Namespaces,
  { from, to, port }: { readonly from: Party; readonly to: Party; readonly port: number },
): Promise<string> {
  const [command, ...rest] = [...namespaces.behind(from), process.execPath, '-e', TRY];
  const { stdout } = await promisify(execFile)(command, [...rest, namespaces.address(to), String(port)]);
  return stdout.trim();
}
