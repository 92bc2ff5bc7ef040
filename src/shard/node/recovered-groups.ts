/** What the disk gave back at the start, until each group has taken its part: a journal may be large, and is held once. */
import type { GroupId, Recovered, RecoveredGroup } from '../../raft/index.js';

export class RecoveredGroups {
  readonly meta: Recovered['meta'];
  readonly #groups: Map<GroupId, RecoveredGroup>;

  constructor({ groups, meta }: Recovered) {
    this.meta = meta;
    this.#groups = new Map(groups);
  }

  /** Its part, once; undefined afterwards, and if the disk knows nothing of the group. */
  take(group: GroupId): RecoveredGroup | undefined {
    const recovered = this.#groups.get(group);
    this.#groups.delete(group);
    return recovered;
  }

  /** Groups that have not taken their part. */
  get left(): number {
    return this.#groups.size;
  }
}
