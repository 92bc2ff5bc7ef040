import { describe, expect, it } from 'vitest';
import { RecoveredGroups } from '../../src/shard/node/recovered-groups.js';

describe('what the disk gave back', () => {
  it('is held until its group has taken it, and no longer', () => {
    const hardState = { term: 1, vote: 1, commit: 1 };
    const snapshot = { index: 0, term: 0, configuration: { voters: [1], votersOutgoing: [], learners: [] } };
    const group = { group: 3, hardState, snapshot, entries: [] };
    const recovered = new RecoveredGroups({ groups: new Map([[3, group]]), meta: new Map() });
    expect(recovered.take(2)).toBeUndefined();
    expect(recovered.take(3)).toBe(group);
    expect(recovered.left).toBe(0);
    expect(recovered.take(3)).toBeUndefined();
  });
});
