/** A process of another cluster is refused as such, without probing the linked process for it. */
import { describe, expect, it } from 'vitest';
import { admitHello, PROTOCOL, silentLogger, type Hello, type HelloContext } from '../../src/shard/index.js';

const hello = (process: number): Hello => ({
  ...{ role: 'node', from: 2, to: 3, incarnation: 9, clusterId: 'c', ...PROTOCOL },
  extension: { process },
});
const linked = { version: 2, featureLevel: 2, incarnation: 8, extension: { process: 1 } };

function meet(isOutsider: boolean) {
  const events: string[] = [];
  const meeting: HelloContext = {
    logger: silentLogger,
    link: () => linked,
    probe: (_node, tell) => {
      events.push('is probed');
      tell(true);
    },
    dropLink: () => events.push('is given up'),
    checkMembership: () => (isOutsider ? { reason: 'wrong-cluster', detail: '' } : undefined),
    validateHello: undefined,
  };
  admitHello(hello(7), meeting, (refused) => events.push(refused?.reason ?? 'welcome'));
  return events;
}

describe('a hello of another process of a node that is linked', () => {
  it('is refused as a second process once the first was proven alive', () => {
    expect(meet(false)).toEqual(['is probed', 'duplicate-node']);
  });

  it('is refused as what it is if it is of another cluster, and the linked process is left alone', () => {
    expect(meet(true)).toEqual(['wrong-cluster']);
  });
});
