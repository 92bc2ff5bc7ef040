/**
 * M1: the leader serves reads from its own state without confirming its leadership.
 * Shipped by early etcd (0.4) and by Consul's default mode; found by Jepsen in 2014.
 * A partitioned leader serves values that have been overwritten long ago.
 */
import type { Mutant } from '../mutant.js';

export const m1: Mutant = {
  id: 'M1',
  title: 'leader answers reads without a read-index round',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/node/replica.ts',
      find: `    } else {
      this.#reads.gather(waiter);
    }
  }

  step(`,
      replace: `    } else {
      this.#reads.awaitIndex(this.raft.commit, waiter);
    }
  }

  step(`,
    },
  ],
};
