/** Which addresses only this machine can reach. The configuration and the HTTP server refuse others, and both ask here. */
import { isIPv4 } from 'node:net';

export const LOOPBACK = '127.0.0.1';

/** @param host a name or an address, without brackets and port */
export function isLoopback(host: string): boolean {
  const lower = host.toLowerCase();
  if (lower === 'localhost' || lower === '::1') return true;
  return (isIPv4(lower) && lower.startsWith('127.')) || lower.startsWith('::ffff:127.');
}
