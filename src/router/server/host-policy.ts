/**
 * The `Host` names for which this server answers, and the addresses on which it may listen.
 *
 * Without authentication a server on loopback must not answer for foreign names: a page whose name was rebound to
 * 127.0.0.1 could otherwise read and write through the visitor's browser (DNS rebinding).
 */
import { isLoopback, LOOPBACK } from '../../loopback.js';

/** The server would be open to the network, and the option that allows it is not set. */
export class InsecureBind extends Error {
  override readonly name = 'InsecureBind';
}

/** @throws InsecureBind for an address that other machines can reach, unless `insecure` */
export function assertMayListen(host: string, insecure: boolean): void {
  if (insecure || isLoopback(host)) return;
  throw new InsecureBind(
    `refusing to listen on ${host} without authentication: listen on 127.0.0.1, or set the option insecure`,
  );
}

/** Hosts that passed, as written: clients of one server use few. */
const MAX_CACHED = 64;

export class HostPolicy {
  /** Lower case, without port; undefined allows every host. */
  readonly #names: ReadonlySet<string> | undefined;
  readonly #passed = new Set<string>();

  /**
   * @param listenHost what the server listens on: on loopback only known names pass, elsewhere only `allowed` restricts
   */
  constructor(listenHost: string, allowed: readonly string[] = []) {
    const local = isLoopback(listenHost) ? ['localhost', LOOPBACK, '::1', listenHost] : [];
    const names = [...local, ...allowed].map((name) => name.toLowerCase());
    this.#names = names.length > 0 ? new Set(names) : undefined;
  }

  allows(hostHeader: string | undefined): boolean {
    if (hostHeader === undefined) return this.#names === undefined;
    if (this.#passed.has(hostHeader)) return true;
    const name = nameIn(hostHeader);
    if (name === undefined || this.#names?.has(name) === false) return false;
    if (this.#passed.size < MAX_CACHED) this.#passed.add(hostHeader);
    return true;
  }
}

/** The name in `name`, `name:port` or `[v6]:port`, where the port may be empty (RFC 3986 §3.2.3); else undefined. */
function nameIn(hostHeader: string): string | undefined {
  const found = /^(?:\[([0-9a-f:.]+)\]|([0-9a-z._-]+))(?::\d{0,5})?$/i.exec(hostHeader);
  return (found?.[1] ?? found?.[2])?.toLowerCase();
}
