/** The bank: every mutant, first the M… of docs/known-bugs.md, then the K…. */
import type { Mutant } from '../mutant.js';
import { m1 } from './m01-local-reads.js';
import { m2 } from './m02-read-before-applied.js';
import { m3 } from './m03-read-before-first-commit.js';
import { m4 } from './m04-joined-round.js';
import { m5 } from './m05-lease-through-pause.js';
import { m6 } from './m06-commit-old-term.js';
import { m7 } from './m07-vote-not-persisted.js';
import { m8 } from './m08-synchronous-off.js';
import { m9 } from './m09-leader-counts-unsynced.js';
import { m10 } from './m10-truncate-on-any-append.js';
import { m11 } from './m11-match-without-proof.js';
import { m12 } from './m12-no-dedupe.js';
import { m13 } from './m13-dedupe-not-in-snapshot.js';
import { m15 } from './m15-journal-truncated-early.js';
import { m18 } from './m18-wiped-node-votes.js';
import { m19 } from './m19-no-checksum.js';
import { m20 } from './m20-corrupt-middle-truncated.js';
import { m21 } from './m21-apply-not-atomic.js';
import { m22 } from './m22-definite-when-deposed.js';
import { m23 } from './m23-stale-shard-map.js';
import { m24 } from './m24-clock-in-apply.js';
import { k1 } from './k01-aba-stable.js';
import { k2 } from './k02-heartbeat-commit-unmatched.js';
import { k4 } from './k04-prev-term-unchecked.js';
import { k5 } from './k05-longer-log-wins.js';
import { k6 } from './k06-late-pre-vote-counts.js';
import { k8 } from './k08-first-hard-state-wins.js';
import { k9 } from './k09-durable-when-asked.js';
import { k10 } from './k10-waiters-outlive-leadership.js';
import { k11 } from './k11-lost-reads-served.js';
import { k12 } from './k12-checkpoint-at-commit.js';
import { k13 } from './k13-snapshot-under-old-rows.js';
import { k14 } from './k14-tombstones-forgotten.js';
import { k15 } from './k15-snapshot-acknowledged-early.js';
import { k16 } from './k16-condition-before-dedup.js';
import { k17 } from './k17-part-of-the-id.js';
import { k18 } from './k18-repeat-under-new-id.js';
import { k19 } from './k19-silence-is-no.js';
import { k20 } from './k20-broken-link-is-no.js';
import { k21 } from './k21-quiet-group-sleeps-on.js';
import { k22 } from './k22-promise-forgotten.js';
import { k23 } from './k23-vote-of-known-term.js';
import { k24 } from './k24-hard-state-truncated.js';
import { k25 } from './k25-hung-leader-stays.js';
import { k26 } from './k26-hung-disk-stands.js';
import { k27 } from './k27-refusals-count-as-heartbeats.js';
import { k28 } from './k28-refused-and-asleep.js';
import { k29 } from './k29-failure-untold.js';
import { k30 } from './k30-chunk-sent-again.js';
import { k31 } from './k31-compaction-ignores-followers.js';
import { k32 } from './k32-full-is-fatal.js';
import { k33 } from './k33-no-descriptor-is-fatal.js';
import { k34 } from './k34-revision-unbounded.js';
import { k35 } from './k35-heartbeats-behind-bulk.js';
import { k36 } from './k36-appends-overtake.js';
import { k37 } from './k37-silence-is-loss.js';
import { k38 } from './k38-ready-on-hung-disk.js';
import { k39 } from './k39-ready-without-commits.js';
import { k40 } from './k40-owed-promise-forgotten.js';
import { k41 } from './k41-promise-of-own-settings.js';
import { k42 } from './k42-quarantined-ack-counts.js';
import { k43 } from './k43-uid-not-checked.js';
import { k44 } from './k44-close-leaves-commits.js';
import { k45 } from './k45-elsewhere-counts.js';
import { k46 } from './k46-level-of-the-best.js';
import { k47 } from './k47-overtaken-vote-forgotten.js';
import { k48 } from './k48-one-process-number.js';
import { k49 } from './k49-uid-when-complete.js';
import { k50 } from './k50-leaves-quarantine.js';
import { k51 } from './k51-answers-after-judging.js';
import { k52 } from './k52-believes-cache.js';
import { k53 } from './k53-slot-back-too-early.js';
import { k54 } from './k54-order-wraps.js';
import { k55 } from './k55-waiting-wraps.js';
import { k56 } from './k56-room-hides-hang.js';
import { k57 } from './k57-receiver-ahead.js';
import { k58 } from './k58-boot-used-twice.js';
import { k59 } from './k59-accused-by-strangers.js';
import { k60 } from './k60-boots-alone.js';
import { k61 } from './k61-data-without-uid.js';
import { k62 } from './k62-whole-messages.js';
import { k63 } from './k63-large-first-window.js';
import { k64 } from './k64-others-disks.js';
import { k65 } from './k65-split-votes.js';
import { k66 } from './k66-doubt-cleared.js';
import { k67 } from './k67-resent-at-once.js';
import { k68 } from './k68-unlinked-is-served.js';
import { k70 } from './k70-middle-of-32-bits.js';
import { k71 } from './k71-ids-turn-negative.js';
import { k72 } from './k72-receipts-of-32-bits.js';
import { k73 } from './k73-old-rows-outlive-state.js';
import { k74 } from './k74-deleted-until-durable.js';
import { k75 } from './k75-deleted-once.js';
import { k76 } from './k76-end-denies-proposals.js';
import { k77 } from './k77-failed-turn-forgets-one.js';
import { k80 } from './k80-date-for-clock.js';
import { k81 } from './k81-turn-at-once.js';
import { k82 } from './k82-early-timer.js';
import { k83 } from './k83-deadline-by-date.js';
import { k84 } from './k84-rename-unsynced.js';
import { k85 } from './k85-key-one-short-on-links.js';
import { k86 } from './k86-value-one-short-in-chunks.js';
import { k87 } from './k87-snapshot-given-up-under-way.js';
import { k88 } from './k88-slow-chunks-taken-for-stuck.js';
import { k89 } from './k89-no-margin-for-drift.js';
import { k90 } from './k90-row-after-publish.js';
import { k91 } from './k91-checkpoint-in-slices.js';
import { k92 } from './k92-time-from-the-wall.js';
import { k93 } from './k93-leader-starts-at-its-wall-clock.js';
import { k94 } from './k94-expiry-by-the-wall-clock.js';
import { k95 } from './k95-deadlines-forgotten.js';
import { k96 } from './k96-keyed-among-unkeyed.js';
import { k97 } from './k97-check-taken-for-chunk.js';
import { k98 } from './k98-keyed-retry-of-unknown-kind.js';
import { k110 } from './k110-namespace-drifts-at-overwrite.js';
import { k111 } from './k111-compared-at-proposal.js';
import { k112 } from './k112-two-attempts-of-one-request.js';
import { k113 } from './k113-yes-vote-goes-by-time.js';
import { k114 } from './k114-put-and-deleted-between-rounds.js';
import { k115 } from './k115-increment-repeated-by-router.js';
import { k116 } from './k116-unlock-lost-in-recovery.js';
import { k117 } from './k117-expired-key-in-checkpoint.js';
import { k118 } from './k118-named-id-for-a-new-one.js';
import { k119 } from './k119-no-before-home.js';
import { k120 } from './k120-locks-not-rebuilt.js';
import { k121 } from './k121-decided-not-kept.js';
import { k122 } from './k122-prepared-after-abort.js';
import { k123 } from './k123-read-does-not-wait.js';
import { k124 } from './k124-late-prepare-locks.js';
import { k125 } from './k125-no-turn.js';
import { k126 } from './k126-min-revision-ignored.js';
import { k127 } from './k127-staleness-from-the-answer.js';
import { k130 } from './k130-page-skips-what-is-on-disk.js';
import { k131 } from './k131-cursor-repeats.js';
import { k132 } from './k132-view-sees-later-writes.js';
import { k133 } from './k133-range-misses-sealed-rows.js';
import { k134 } from './k134-deletion-is-no-change.js';
import { k135 } from './k135-limit-before-the-batch.js';
import { k136 } from './k136-no-before-it-is-kept.js';
import { k137 } from './k137-no-is-not-kept.js';
import { k138 } from './k138-read-is-not-looked-at-again.js';
import { k139 } from './k139-hung-leader-asks-once.js';
import { k140 } from './k140-hung-leader-asks-the-fit.js';
import { k141 } from './k141-expiry-by-the-durable-row.js';
import { k142 } from './k142-expiry-index-passed-over.js';
import { k143 } from './k143-name-of-the-same-hash.js';
import { k144 } from './k144-failed-node-checkpoints-on.js';
import { k145 } from './k145-deletions-indexed-once.js';
import { k146 } from './k146-large-value-left.js';
import { k147 } from './k147-large-value-in-its-row.js';
import { k148 } from './k148-changed-while-written.js';

export const BANK: readonly Mutant[] = [
  m1,
  m2,
  m3,
  m4,
  m5,
  m6,
  m7,
  m8,
  m9,
  m10,
  m11,
  m12,
  m13,
  m15,
  m18,
  m19,
  m20,
  m21,
  m22,
  m23,
  m24,
  k1,
  k2,
  k4,
  k5,
  k6,
  k8,
  k9,
  k10,
  k11,
  k12,
  k13,
  k14,
  k15,
  k16,
  k17,
  k18,
  k19,
  k20,
  k21,
  k22,
  k23,
  k24,
  k25,
  k26,
  k27,
  k28,
  k29,
  k30,
  k31,
  k32,
  k33,
  k34,
  k35,
  k36,
  k37,
  k38,
  k39,
  k40,
  k41,
  k42,
  k43,
  k44,
  k45,
  k46,
  k47,
  k48,
  k49,
  k50,
  k51,
  k52,
  k53,
  k54,
  k55,
  k56,
  k57,
  k58,
  k59,
  k60,
  k61,
  k62,
  k63,
  k64,
  k65,
  k66,
  k67,
  k68,
  k70,
  k71,
  k72,
  k73,
  k74,
  k75,
  k76,
  k77,
  k80,
  k81,
  k82,
  k83,
  k84,
  k85,
  k86,
  k87,
  k88,
  k89,
  k90,
  k91,
  k92,
  k93,
  k94,
  k95,
  k96,
  k97,
  k98,
  k110,
  k111,
  k112,
  k113,
  k114,
  k115,
  k116,
  k117,
  k118,
  k119,
  k120,
  k121,
  k122,
  k123,
  k124,
  k125,
  k126,
  k127,
  k130,
  k131,
  k132,
  k133,
  k134,
  k135,
  k136,
  k137,
  k138,
  k139,
  k140,
  k141,
  k142,
  k143,
  k144,
  k145,
  k146,
  k147,
  k148,
];
