import { describe, expect, it } from 'vitest';
import type { Role } from '../../src/raft/index.js';
import type { ReplicaView } from '../../src/shard/index.js';
import { LeaseChecker, type LeaseHolder } from '../../src/sim/lease-checker.js';

const replica = (node: number, role: Role, term: number, holdsLease: boolean, commit = 0): ReplicaView =>
  ({ id: 7, raft: { id: node, role, term, commit }, holdsLease }) as unknown as ReplicaView;

const nodeOf = (id: number, ...replicas: readonly ReplicaView[]): LeaseHolder => ({ id, replicas: () => replicas });

describe('the lease checker', () => {
  const old = nodeOf(1, replica(1, 'leader', 3, true));
  const fresh = nodeOf(2, replica(2, 'leader', 4, false));

  it('detects a leader of a later term while an older lease holds', () => {
    expect(() => {
      new LeaseChecker([old, fresh]).inspect(fresh);
    }).toThrow('group 7: the lease of n1@3 holds, and n2@4 leads');
  });

  it('detects an older lease that was taken late, once the later leader commits', () => {
    let held: readonly ReplicaView[] = [replica(1, 'leader', 3, false)];
    let leads: readonly ReplicaView[] = [replica(2, 'leader', 4, false, 8)];
    const [late, later] = [
      { id: 1, replicas: () => held },
      { id: 2, replicas: () => leads },
    ];
    const checker = new LeaseChecker([late, later]);
    checker.inspect(later);
    held = [replica(1, 'leader', 3, true)];
    checker.inspect(later);
    leads = [replica(2, 'leader', 4, false, 9)];
    expect(() => {
      checker.inspect(later);
    }).toThrow('group 7: the lease of n1@3 holds, and n2@4 leads');
  });

  it('accepts an expired lease, one of a later term, and followers', () => {
    for (const other of [replica(1, 'leader', 3, false), replica(1, 'leader', 5, true)]) {
      const checker = new LeaseChecker([nodeOf(1, other), fresh]);
      expect(() => {
        checker.inspect(fresh);
      }).not.toThrow();
    }
    const follower = nodeOf(2, replica(2, 'follower', 4, false));
    expect(() => {
      new LeaseChecker([old, follower]).inspect(follower);
    }).not.toThrow();
  });
});
