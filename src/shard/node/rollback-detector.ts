/**
 * Detects that a node's disk was rolled back to an earlier state, by comparison with what its peers have stored (s60).
 *
 * Every start of a node on its data folder has a number, the *boot*, that is durably incremented before the node links
 * to a peer. The *position* is the number of the last durable row of its journal. Every acknowledgement, vote or commit
 * is sent with a position that is not below any row that it depends on. Every node stores, for every peer, the highest
 * boot and position that it was sent. Both are in the hellos of a link, so both sides judge by the same numbers, before
 * the link begins. A boot is *rolled back* (in stored data: `accused`) if
 *
 *  - another process has had its number, or a higher one (a copy was restored, or the folder is empty); or
 *  - it has another folder: every folder has a random id, generated when a node first starts on it; or
 *  - its journal ended, when it started, before a position that an earlier boot had sent; or
 *  - an earlier boot was rolled back, and the folder does not record a quarantine since.
 *
 * If the cluster has a uid, only peers that have shown it count. A node that is rolled back raises its boot above all
 * that the peer knows, stores that it is in quarantine, and puts all its replicas into it (`raft/quarantine.ts`),
 * during the hello, before anything is sent over the link. Each replica is released by its leader; the quarantine of
 * the node ends when all are released, and persists over restarts until then.
 *
 * # What is stored, and when
 *
 * A peer's boot is stored when its hello arrives, before any later commit of this node; positions in memory with every
 * frame, on disk about once a second, at checkpoints and when the node stops. So a roll-back is missed only if every
 * node that was sent the position of the lost rows is away, or crashed within a second of receiving it, *and* the lost
 * rows are of the last boot (else the boot number shows it), and no other peer was sent a later position. Positions are
 * sent to all peers that anything is sent to, at least with each round of pings: the only case that can be missed is a
 * disk that lost its last moments, never an old copy or an empty folder. Builds of protocol version 1 send and store
 * none of this.
 */
import { z } from 'zod';
import type { GroupId, NodeId, Storage } from '../../raft/index.js';
import type { NodeStatus } from '../status.js';
import { randomId } from '../random-id.js';
import type { Hello, HelloExtension, PeerId, Transport } from '../transport/index.js';
import { asError } from '../../thrown.js';
/** The first protocol version with positions. */
const FIRST_VERSION = 2;
/** Range of the random process number. */
const PROCESSES = 2 ** 47;
/** Interval (ms) at which received positions are stored; each time costs a sync. */
const SAVE_EVERY_MS = 1_000;
/** A stored key: existing folders have it, so it keeps the name from before the term "boot". */
const BOOT_META = 'life';
const PEERS_META = 'peers';

const ownSchema = z.object({
  boot: z.number(),
  /** The last boot that was in quarantine; 0: none. */
  quarantined: z.number(),
  /** Whether that quarantine is still in force. */
  open: z.boolean(),
  /** Groups that were released, each with the boot of its quarantine. */
  released: z.array(z.tuple([z.number(), z.number()])),
  /** The id of this folder; undefined until a build that generates one has started on it. */
  folder: z.string().optional(),
});

const peerSchema = z.object({
  boot: z.number(),
  position: z.number(),
  process: z.number(),
  accused: z.number(),
  /** Id of its data folder; undefined if its build does not send one. */
  folder: z.string().optional(),
});

/** What is stored about another node's boots. */
export type KnownBoot = z.infer<typeof peerSchema>;

/** A node's own statement about its current boot. */
export interface BootClaim {
  readonly boot: number;
  /** End of the journal when it started. */
  readonly started: number;
  /** Random number of the process. */
  readonly process: number;
  readonly quarantined: number;
  /** The id of its data folder, if it sends one. */
  readonly folder?: string | undefined;
}

/**
 * Why this boot counts as rolled back; undefined: it does not. Both sides of a link evaluate it with the same numbers.
 */
export function rollbackEvidence(known: KnownBoot | undefined, claim: BootClaim): string | undefined {
  if (known === undefined) return undefined;
  if (known.accused > 0 && claim.quarantined <= known.accused) return 'it was found to have gone back in time before';
  if (known.process === claim.process) return undefined;
  if (claim.boot <= known.boot) return `this is start ${claim.boot} of its folder, and start ${known.boot} was seen`;
  if (isAnotherFolder(known, claim)) return 'its data folder is not the one that was seen';
  if (claim.started >= known.position) return undefined;
  return `its journal ended at row ${claim.started}, and row ${known.position} was seen`;
}

const isAnotherFolder = (known: KnownBoot, { folder }: BootClaim): boolean =>
  known.folder !== undefined && folder !== undefined && known.folder !== folder;

/**
 * The next boot of a node that is rolled back at `boot`: a number that no process of it had, as far as both sides know.
 */
const nextBoot = (boot: number, known: KnownBoot | undefined): number =>
  Math.max(boot, known?.boot ?? 0, known?.accused ?? 0) + 1;

export interface RollbackEvents {
  /** Called to put all replicas into the quarantine of this boot at once. `peer` detected it. */
  onRolledBack(boot: number, why: string, peer: NodeId): void;
  /** Called when something could not be stored. */
  fail(error: Error): void;
}

/** The part of a replica that concerns its quarantine. */
interface ReplicaInQuarantine {
  readonly id: GroupId;
  readonly raft: { readonly quarantinedBoot: number | undefined; readonly quarantineIsOver: boolean };
}

export class RollbackDetector {
  readonly #storage: Storage;
  readonly #transport: Pick<Transport, 'send' | 'link'>;
  readonly #events: RollbackEvents;
  readonly #peers = new Map<NodeId, KnownBoot>();
  #own: z.infer<typeof ownSchema> = { boot: 0, quarantined: 0, open: false, released: [] };
  #started = 0;
  /** Peers that anything was sent to in this turn, each once. */
  readonly #sentTo: PeerId[] = [];
  readonly #sentPositions = new Map<PeerId, number>();
  #isSaved = true;
  #savedAt = 0;
  #isSaving = false;
  #hasNewPeers = false;
  #wasRolledBack = false;
  #why = 'its disk went back in time, as an earlier start found';
  #process = 0;

  constructor(storage: Storage, transport: Pick<Transport, 'send' | 'link'>, events: RollbackEvents) {
    this.#storage = storage;
    this.#transport = transport;
    this.#events = events;
  }

  /** Begins a boot: its number is durable before this resolves. `random`: in [0, 1), distinguishes this process. */
  async start(meta: ReadonlyMap<string, Uint8Array>, random: () => number): Promise<void> {
    this.#process = Math.floor(random() * PROCESSES);
    const own = read(meta.get(BOOT_META), ownSchema) ?? this.#own;
    const boot = own.boot + 1;
    const folder = own.folder ?? randomId(random);
    this.#own = { ...own, boot, quarantined: own.open ? boot : own.quarantined, folder };
    const peers = read(meta.get(PEERS_META), z.array(z.tuple([z.number(), peerSchema]))) ?? [];
    for (const [id, known] of peers) this.#peers.set(id, known);
    this.#started = this.#storage.position;
    await this.#storage.putMeta(BOOT_META, bytes(this.#own));
  }

  /** For the node's status: empty, unless the node is in quarantine. */
  status(): Pick<NodeStatus, 'quarantine'> {
    return this.#own.open ? { quarantine: this.#why } : {};
  }

  /** Start options of a group's replica. */
  optionsOf(group: GroupId): { readonly quarantine: number | undefined; readonly released: number | undefined } {
    const { open, quarantined } = this.#own;
    const released = this.#own.released.find(([id]) => id === group)?.[1];
    return { quarantine: open && released === undefined ? quarantined : undefined, released };
  }

  // Hellos.

  /** Whether that node was linked here before with this data folder. */
  knowsFolder(peer: NodeId, folder: string | undefined): boolean {
    return folder !== undefined && this.#peers.get(peer)?.folder === folder;
  }

  /** The process of a node that was linked here last. */
  lastProcess(peer: NodeId): number | undefined {
    return this.#peers.get(peer)?.process;
  }

  helloTo(peer: NodeId): HelloExtension {
    const { boot, quarantined, folder } = this.#own;
    const mine = {
      ...(folder === undefined ? {} : { folderId: folder }),
      boot,
      quarantined,
      process: this.#process,
      started: this.#started,
      position: this.#storage.position,
    };
    const known = this.#peers.get(peer);
    return known === undefined ? mine : { ...mine, known };
  }

  /**
   * Called when the hellos of a link to another node were exchanged and nothing else was sent over it yet.
   * @param isOurs the peer has shown that it belongs to this cluster, as far as it can yet. What any other peer has
   *   stored may concern the node of this id in another cluster, and does not count.
   */
  onHello({ role, from, extension }: Hello, isOurs: boolean): void {
    const { boot, process, started = 0, position = 0, quarantined = 0, folderId: folder, known } = extension;
    if (role !== 'node' || boot === undefined || process === undefined) return;
    this.#sentPositions.delete(from);
    this.#judgePeer(from, { boot, started, process, quarantined, folder }, position);
    if (known !== undefined && isOurs) this.#judgeSelf(from, known);
  }

  #judgePeer(id: NodeId, claim: BootClaim, position: number): void {
    const known = this.#peers.get(id);
    const { process, folder } = claim;
    const isRolledBack = rollbackEvidence(known, claim) !== undefined;
    const seen = Math.max(known?.boot ?? 0, claim.boot);
    // The number that it takes now is used up as well: else another copy of its folder could take it again, and be
    // mistaken for the one that has left its quarantine.
    const boot = isRolledBack ? nextBoot(claim.boot, known) : seen;
    const accused = isRolledBack ? seen : 0;
    if (known?.process === process && known.accused === accused && known.boot === boot) {
      this.recordPosition(id, position);
      return;
    }
    this.#peers.set(id, { boot, position, process, accused, folder });
    this.#isSaved = false;
    this.#hasNewPeers = true;
  }

  #judgeSelf(peer: NodeId, known: KnownBoot): void {
    const { boot, quarantined, folder } = this.#own;
    const why = rollbackEvidence(known, { boot, started: this.#started, process: this.#process, quarantined, folder });
    if (why === undefined) return;
    const next = nextBoot(boot, known);
    this.#own = { boot: next, quarantined: next, open: true, released: [], folder };
    this.#saveOwn();
    if (!this.#wasRolledBack) this.#why = why;
    this.#wasRolledBack = true;
    this.#events.onRolledBack(next, why, peer);
  }

  // Positions.

  /** Records that something is sent to `peer` in this turn. */
  noteSentTo(peer: PeerId): void {
    if (!this.#sentTo.includes(peer)) this.#sentTo.push(peer);
  }

  /** Called at the end of a turn: peers that something was sent to are sent the position, unless they have it. */
  sendPositions(): void {
    if (this.#sentTo.length === 0) return;
    const { position } = this.#storage;
    for (let peer = this.#sentTo.pop(); peer !== undefined; peer = this.#sentTo.pop()) {
      if (this.#sentPositions.get(peer) === position || (this.#transport.link(peer)?.version ?? 1) < FIRST_VERSION)
        continue;
      if (this.#transport.send(peer, { type: 'position', position })) this.#sentPositions.set(peer, position);
    }
  }

  recordPosition(peer: NodeId, position: number): void {
    const known = this.#peers.get(peer);
    if (known === undefined || known.position >= position) return;
    known.position = position;
    this.#isSaved = false;
  }

  /** Called in each turn before any commit: stores the boots of peers whose hellos arrived since the last turn. */
  saveNewPeers(): void {
    if (!this.#hasNewPeers) return;
    this.#hasNewPeers = false;
    this.#failUnlessSaved(this.save());
  }

  /** Called periodically. On a disk that hangs or is full, one such write is started, and no other before it ends. */
  saveIfDue(now: number): void {
    if (this.#isSaved || this.#isSaving || now - this.#savedAt < SAVE_EVERY_MS) return;
    this.#savedAt = now;
    this.#isSaving = true;
    const saved = this.save().then(() => {
      this.#isSaving = false;
    });
    this.#failUnlessSaved(saved);
  }

  /** Stores the positions received since the last call. */
  save(): Promise<void> {
    if (this.#isSaved) return Promise.resolve();
    this.#isSaved = true;
    return this.#storage.putMeta(PEERS_META, bytes([...this.#peers]));
  }

  // The end of a quarantine.

  /**
   * Checks which replicas were released. @returns true: all were, and the end of the node's quarantine is being stored.
   */
  review(replicas: Iterable<ReplicaInQuarantine>, allStarted: boolean): boolean {
    const { open, quarantined, released } = this.#own;
    if (!open) return false;
    const out = new Map(released);
    let isOver = allStarted;
    for (const { id, raft } of replicas) {
      if (out.has(id)) continue;
      if (raft.quarantineIsOver) out.set(id, quarantined);
      else isOver = false;
    }
    if (out.size === released.length && !isOver) return false;
    this.#own = { ...this.#own, open: !isOver, released: [...out] };
    this.#saveOwn();
    return isOver;
  }

  #saveOwn(): void {
    this.#failUnlessSaved(this.#storage.putMeta(BOOT_META, bytes(this.#own)));
  }

  /** Nothing waits for the write: writes are in order, and if this one fails so does the next. */
  #failUnlessSaved(writing: Promise<void>): void {
    writing.catch((error: unknown) => {
      this.#events.fail(asError(error));
    });
  }
}

const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

function read<T>(stored: Uint8Array | undefined, schema: z.ZodType<T>): T | undefined {
  return stored === undefined ? undefined : schema.parse(JSON.parse(Buffer.from(stored).toString()));
}
