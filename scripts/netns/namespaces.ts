/**
 * A network for each party of a cluster: a Linux network namespace with one address, joined to the others and to this
 * machine by a bridge in one more namespace, where no firewall of the machine sees the packets.
 *
 * The kernel cuts links: a routing rule in the receiver's namespace silently drops every packet of one source, ARP
 * requests too. Addresses are of 198.18.0.0/15, which is reserved for such tests (RFC 2544). Everything disappears with
 * the namespaces when they are deleted. Needs root and iproute2.
 */
import type { Party } from '../../src/faults/index.js';
import type { CleanUp } from '../support/clean-up.js';
import { command, fed, isInstalled } from '../support/command.js';

/** The host part of the addresses: nodes from 1, routers from 101. */
const ROUTERS_FROM = 100;
const THIS_MACHINE = 254;
/**
 * Rules with smaller numbers are evaluated first. By default the kernel delivers local packets before any other rule.
 */
const CUT_RULE = 10;
const LOCAL_RULE = 1000;

export class Namespaces {
  readonly #prefix: string;
  readonly #net: string;

  private constructor(prefix: string, net: string) {
    this.#prefix = prefix;
    this.#net = net;
  }

  /** @throws Error where this machine does not support it; `cleanUp` removes what was created until then */
  static open(parties: readonly Party[], cleanUp: CleanUp): Namespaces {
    const net = freeNet();
    const namespaces = new Namespaces(`kvorum-${process.pid}-${net.split('.')[2] ?? ''}`, net);
    namespaces.#makeHub(cleanUp);
    for (const party of parties) namespaces.#make(party, cleanUp);
    return namespaces;
  }

  address(party: Party): string {
    return `${this.#net}.${typeof party === 'number' ? party : ROUTERS_FROM + Number(party.slice(1))}`;
  }

  /** A command that executes its arguments in the party's namespace, and is replaced by them. */
  behind(party: Party): string[] {
    return ['ip', 'netns', 'exec', this.#name(party)];
  }

  /** From now on packets of each source are dropped at `at`, or no longer. */
  setDropped(at: Party, sources: ReadonlyMap<Party, boolean>): void {
    const rules = [...sources].map(
      ([source, drop]) => `rule ${drop ? 'add' : 'del'} pref ${CUT_RULE} from ${this.address(source)} blackhole`,
    );
    fed(`${rules.join('\n')}\n`, 'ip', '-n', this.#name(at), '-batch', '-');
  }

  #name(of: Party | 'hub'): string {
    return `${this.#prefix}-${of}`;
  }

  #makeHub(cleanUp: CleanUp): void {
    const hub = this.#add('hub', cleanUp);
    // At most 15 characters; deleted with its other end in the hub.
    const here = `kv${process.pid}-${this.#net.split('.')[2] ?? ''}`;
    command('ip', '-n', hub, 'link', 'add', 'bridge', 'type', 'bridge');
    command('ip', '-n', hub, 'link', 'set', 'bridge', 'up');
    command('ip', 'link', 'add', here, 'type', 'veth', 'peer', 'name', 'here', 'netns', hub);
    command('ip', '-n', hub, 'link', 'set', 'here', 'master', 'bridge', 'up');
    command('ip', 'address', 'add', `${this.#net}.${THIS_MACHINE}/24`, 'dev', here);
    command('ip', 'link', 'set', here, 'up');
  }

  #make(party: Party, cleanUp: CleanUp): void {
    const name = this.#add(party, cleanUp);
    const ip = (...args: string[]): string => command('ip', '-n', name, ...args);
    const port = `to-${party}`;
    ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', port, 'netns', this.#name('hub'));
    command('ip', '-n', this.#name('hub'), 'link', 'set', port, 'master', 'bridge', 'up');
    ip('address', 'add', `${this.address(party)}/24`, 'dev', 'eth0');
    ip('link', 'set', 'eth0', 'up');
    ip('link', 'set', 'lo', 'up');
    ip('rule', 'add', 'pref', String(LOCAL_RULE), 'lookup', 'local');
    ip('rule', 'del', 'pref', '0');
  }

  #add(of: Party | 'hub', cleanUp: CleanUp): string {
    const name = this.#name(of);
    let made = false;
    cleanUp.add(`delete the network namespace ${name}`, () => {
      if (made) command('ip', 'netns', 'delete', name);
    });
    command('ip', 'netns', 'add', name);
    made = true;
    return name;
  }
}

/** Undefined if this machine can; else why not, as the end of "needs …". */
export function whatIsMissing(): string | undefined {
  if (process.platform !== 'linux') return `Linux, and this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'root, to make network namespaces';
  return isInstalled('ip') ? undefined : 'ip (Debian package iproute2)';
}

/** The first three numbers of a /24 that no interface of this machine has. */
function freeNet(): string {
  const taken = command('ip', '-o', '-4', 'address');
  const first = process.pid % 256;
  for (let tries = 0; tries < 256; tries++) {
    const net = `198.18.${(first + tries) % 256}`;
    if (!taken.includes(` ${net}.`)) return net;
  }
  throw new Error('all of 198.18.0.0/16 is in use on this machine');
}
