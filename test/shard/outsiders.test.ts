/** Whoever does not belong to the cluster is told so, and no process is asked for a sign of life because of it. */
import { describe, expect, it } from 'vitest';
import { admitHello, PROTOCOL, silentLogger, type Hello, type HelloContext } from '../../src/shard/index.js';

const hello = (process: number): Hello => ({
  ...{ role: 'node', from: 2, to: 3, incarnation: 9, clusterId: 'c', ...PROTOCOL },
  extension: { process },
});
const linked = { version: 2, featureLevel: 2, incarnation: 8, extension: { process: 1 } };

function meet(isOutsider: boolean) {
  const said: string[] = [];
  const meeting: HelloContext = {
    logger: silentLogger,
    link: () => linked,
    probe: (_node, tell) => {
      said.push('is asked for a sign of life');
      tell(true);
    },
    dropLink: () => said.push('is given up'),
    checkMembership: () => (isOutsider ? { reason: 'wrong-cluster', detail: '' } : undefined),
    validateHello: undefined,
  };
  admitHello(hello(7), meeting, (refused) => said.push(refused?.reason ?? 'welcome'));
  return said;
}

describe('a hello of another process of a node that is linked', () => {
  it('is refused as a second process once the first was proven alive', () => {
    expect(meet(false)).toEqual(['is asked for a sign of life', 'duplicate-node']);
  });

  it('is refused as what it is if it is of another cluster, and the linked process is left alone', () => {
    expect(meet(true)).toEqual(['wrong-cluster']);
  });
});
