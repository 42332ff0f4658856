// One directory, whatever paths lead to it: its listing as last proved, how fresh that is, and its one writer.
//
// A listing is labelled with the version that `check` gave *before* it was read: a write in between costs one more
// read, and never a stale listing under a new label. An unchanged directory is never read again.
import type { Clock } from '../base/clock.ts';
import { FsError, isRetryable } from '../base/errors.ts';
import type { Limiter } from '../base/limiter.ts';
import type { Logger } from '../base/log.ts';
import { raceAbort } from '../base/race-abort.ts';
import { type DirnodePort, DirnodeWriter, type SentWrite } from '../edits/dirnode-write.ts';
import type { Edit, SeenChild, WantedChild } from '../edits/edit.ts';
import type { EditStore } from '../edits/edit-store.ts';
import type { Landed } from '../edits/landed.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import type { DirnodeState } from '../edits/unproved.ts';
import type { Child, Grid, Listing } from '../tahoe/grid.ts';
import { tokenOf } from './edge.ts';
import { sequenceNumber, writesBetween } from './labels.ts';
import type { ListingSaver, Savable } from './listing-saver.ts';
import type { ListingStore, Saved } from './listing-store.ts';
import { Overlaid } from './overlaid.ts';
import { isRolledBack } from './rollback.ts';
import type { Slowness } from './slowness.ts';
import { OWN_BYTES, weightOf } from './weight.ts';

/** What all directories of a tree share. */
export interface DirContext {
  readonly grid: Grid;
  readonly edits: EditStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  readonly retries: number;
  readonly isSoleWriter: boolean;
  readonly looks: Limiter;
  readonly slowness: Slowness;
  /** Where listings outlive the process; undefined where they don't. */
  readonly listings: ListingStore | undefined;
  readonly saver: ListingSaver;
  /** Changes that the grid has not yet are shown over every listing; undefined where there are none. */
  readonly pending: PendingEdits | undefined;
  /** Which of the grid's directories were made here. */
  readonly landed: Landed | undefined;
  /** What was shown of it is to stay known (DirTable.hold). */
  readonly isHeld: (dirId: string) => boolean;
  /** A directory takes so much more memory than before, or less. */
  readonly onWeight: (dir: DirInode, moreBytes: number) => void;
}

const NO_CHILDREN: ReadonlyMap<string, Child> = new Map();

/** How long a client with a listing at hand waits for a newer one. */
const PATIENCE_MS = 1_000;

interface Snapshot {
  readonly listing: Listing;
  /** Undefined: can't be told, so it is read again next time. */
  readonly label: string | undefined;
  /** It may lack a write of ours: read again whatever the label says. */
  readonly isSuspect?: boolean;
  /** It lacks the children's write caps: it can't be compared with one that has them. */
  readonly isPoor?: boolean;
  readonly provedAtMs: number;
  /** Not read: what was read before, with our own writes applied. Right unless another node wrote in that moment. */
  readonly isGuess: boolean;
}

export class DirInode implements DirnodePort, Savable {
  readonly dirId: string;
  readonly #context: DirContext;
  #readCap: string;
  #writeCap: string | undefined;
  readonly #isImmutable: boolean;
  /** Made here, and not on the grid yet: all that is in it is pending. */
  #isLocal: boolean;
  #snapshot: Snapshot | undefined;
  /** While it is held and something else was read since: what clients could see of it last. */
  #shown: Snapshot | undefined;
  #refreshing: Promise<Snapshot> | undefined;
  #refreshBeganMs = 0;
  /** Goes up with each write of ours: a listing asked for before it says nothing about after it. */
  #epoch = 0;
  #rollbacks = 0;
  #loading: Promise<void> | undefined;
  #isLoaded = false;
  #saved: Saved | undefined;
  /** The listing that lies in the store, with its label. */
  #savedSnapshot: Snapshot | undefined;
  #saving: Promise<void> | undefined;
  #weightBytes = OWN_BYTES;
  #writer: DirnodeWriter | undefined;

  constructor(
    context: DirContext,
    caps: {
      dirId: string;
      readCap: string;
      writeCap: string | undefined;
      isImmutable: boolean;
      isLocal?: boolean;
    },
  ) {
    this.#context = context;
    this.dirId = caps.dirId;
    this.#readCap = caps.readCap;
    this.#writeCap = caps.writeCap;
    this.#isImmutable = caps.isImmutable;
    this.#isLocal = caps.isLocal ?? false;
    if (this.#isLocal) {
      const listing = { writeCap: caps.writeCap, readCap: caps.readCap, children: NO_CHILDREN };
      this.#snapshot = { listing, label: undefined, provedAtMs: Number.POSITIVE_INFINITY, isGuess: false };
      this.#isLoaded = true;
    }
  }

  get isLocal(): boolean {
    return this.#isLocal;
  }

  /** What it is about to land with is at hand after a restart, too. */
  async saveLanding(children: ReadonlyMap<string, WantedChild>): Promise<void> {
    const listing = { children: this.#allLinkedNow(children), label: undefined, hasWriteCaps: true };
    this.#saved = await this.#context.listings?.save(this.dirId, listing, this.#saved);
  }

  /** It is on the grid now, with these children. */
  landed(
    caps: { readonly writeCap: string; readonly readCap: string },
    children: ReadonlyMap<string, WantedChild>,
  ): void {
    this.#isLocal = false;
    this.#writeCap = caps.writeCap;
    this.#readCap = caps.readCap;
    this.#keep({ ...caps, children: this.#allLinkedNow(children) }, undefined, true);
  }

  #allLinkedNow(children: ReadonlyMap<string, WantedChild>): ReadonlyMap<string, Child> {
    const linked = new Map<string, Child>();
    for (const [name, want] of children) {
      linked.set(name, linkedNow(want, undefined, this.#context.clock));
    }
    return linked;
  }

  /** Another way to this directory was walked; a write cap found there serves all reads and writes from now on. */
  learn(writeCap: string | undefined): void {
    if (writeCap !== undefined && this.#writeCap === undefined) {
      this.#writeCap = writeCap;
      // A listing read with the read cap lacks the children's write caps; so does one that is being read.
      this.#epoch += 1;
      this.#forget();
      this.#snapshot &&= { ...this.#snapshot, isPoor: true };
    }
  }

  get readCap(): string {
    return this.#readCap;
  }

  get dirWriteCap(): string {
    if (this.#writeCap === undefined) {
      throw new FsError('read-only', 'the directory can only be read');
    }
    return this.#writeCap;
  }

  get isWritable(): boolean {
    return this.#writeCap !== undefined;
  }

  /** What keeping this directory in memory costs, in bytes, estimated. */
  get weightBytes(): number {
    return this.#weightBytes;
  }

  /** May be dropped from memory without losing anything. */
  get isIdle(): boolean {
    return (
      this.#refreshing === undefined &&
      this.#loading === undefined &&
      this.#saving === undefined &&
      this.#shown === undefined &&
      !this.#context.saver.isPending(this) &&
      (this.#writer?.isIdle ?? true)
    );
  }

  get writer(): DirnodeWriter {
    this.#writer ??= new DirnodeWriter({
      port: this,
      edits: this.#context.edits,
      clock: this.#context.clock,
      log: this.#context.log,
      random: this.#context.random,
      retries: this.#context.retries,
      isSoleWriter: this.#context.isSoleWriter,
      looks: this.#context.looks,
    });
    return this.#writer;
  }

  /** Stops the writer; answered changes that are not proved yet stay in the store. */
  async stop(): Promise<void> {
    await this.#writer?.stop();
  }

  /**
   * The children, at most `maxAgeMs` old; older if the grid is slow or away and an older listing is at hand.
   * Rejects with what the grid says where there is none.
   */
  async children(maxAgeMs: number, signal?: AbortSignal): Promise<ReadonlyMap<string, Child>> {
    const snapshot = await this.#freshSnapshot(maxAgeMs, signal);
    return this.#overlaid(snapshot);
  }

  /** What `children` would give without a wait; undefined where it would wait. */
  freshChildren(maxAgeMs: number): ReadonlyMap<string, Child> | undefined {
    const snapshot = this.#snapshot;
    return snapshot && this.#isFresh(snapshot, maxAgeMs) ? this.#overlaid(snapshot) : undefined;
  }

  /** The children as last read, however long ago; undefined where nothing is at hand. The grid is not asked. */
  async childrenAtHand(): Promise<ReadonlyMap<string, Child> | undefined> {
    await this.#loaded();
    return this.#snapshot && this.#overlaid(this.#snapshot);
  }

  /** As `childrenAtHand`, of what is in memory: for decisions that nothing may come between. */
  childrenInMemory(): ReadonlyMap<string, Child> | undefined {
    return this.#snapshot && this.#overlaid(this.#snapshot);
  }

  /** What the grid had when it was read last, and what is being written there; undefined where nothing is at hand. */
  gridChildrenAtHand(): ReadonlyMap<string, Child> | undefined {
    return this.#snapshot && this.#withUndone(this.#snapshot);
  }

  /** The same as clients could see it last: where it is held, what was read since then is not in it. */
  shownAtHand(): ReadonlyMap<string, Child> | undefined {
    return this.#shown ? this.#withUndone(this.#shown) : this.gridChildrenAtHand();
  }

  /** It is not held any more. */
  released(): void {
    if (this.#shown) {
      this.#shown = undefined;
      this.#saveLater();
    }
  }

  /** What the grid has, at most `maxAgeMs` old. */
  async gridChildren(maxAgeMs: number): Promise<ReadonlyMap<string, Child>> {
    return this.#withUndone(await this.#provedSnapshot(maxAgeMs));
  }

  /** What was read is read again when it is wanted, and nothing of it stays on disk. Edits stay. */
  async forgetListing(): Promise<void> {
    await this.#loaded();
    if (this.#isLocal) {
      return;
    }
    this.#context.saver.forget(this);
    await this.#saving;
    if (this.#refreshing === undefined) {
      this.#keepShown();
      this.#snapshot = undefined;
      this.#weigh();
    }
    this.#saved = undefined;
    this.#savedSnapshot = undefined;
    await this.#context.listings?.drop(this.dirId);
  }

  /** After a restart something is at hand, however old. */
  get isKept(): boolean {
    return this.#isLocal || this.#savedSnapshot !== undefined || this.#context.listings === undefined;
  }

  /** Writes down what is at hand, so that it is at hand after a restart too; after what is being written. */
  async save(): Promise<void> {
    const before = this.#saving ?? Promise.resolve();
    const saving = before
      .then(() => this.#save())
      .finally(() => {
        if (this.#saving === saving) {
          this.#saving = undefined;
          this.#weigh(); // so that it is dropped, if only the save stood against it
        }
      });
    this.#saving = saving;
    await saving;
  }

  async #save(): Promise<void> {
    const snapshot = this.#worthSaving();
    const { listings } = this.#context;
    if (snapshot === undefined || listings === undefined) {
      return;
    }
    const listing = {
      children: snapshot.listing.children,
      label: snapshot.isGuess || snapshot.isSuspect ? undefined : snapshot.label,
      hasWriteCaps: this.#writeCap !== undefined && !snapshot.isPoor,
    };
    this.#saved = await listings.save(this.dirId, listing, this.#saved);
    this.#savedSnapshot = this.#saved && snapshot;
  }

  /** As `children`, but never older than `maxAgeMs`: for what a write rests on. */
  async provedChildren(maxAgeMs: number): Promise<ReadonlyMap<string, Child>> {
    return this.#overlaid(await this.#provedSnapshot(maxAgeMs));
  }

  async #provedSnapshot(maxAgeMs: number): Promise<Snapshot> {
    await this.#loaded();
    const snapshot = this.#snapshot;
    return snapshot && this.#isFresh(snapshot, maxAgeMs) ? snapshot : await this.#refreshShared();
  }

  async refresh(isProof: boolean): Promise<DirnodeState> {
    if (isProof && this.#snapshot?.isGuess) {
      this.#forget();
    }
    return this.#stateOf(await this.#refreshShared());
  }

  async link(children: ReadonlyMap<string, WantedChild>, mayReplace: boolean): Promise<void> {
    this.#epoch += 1;
    try {
      await this.#context.grid.setChildren(this.dirWriteCap, children, mayReplace);
    } catch (error) {
      this.#forget();
      throw error;
    }
  }

  async unlink(name: string): Promise<void> {
    this.#epoch += 1;
    try {
      await this.#context.grid.unlink(this.dirWriteCap, name);
    } catch (error) {
      this.#forget();
      throw error;
    }
  }

  async isAlone({ version }: DirnodeState, writes: number): Promise<boolean> {
    this.#refreshing = undefined; // one that was asked for before our write says nothing about now
    const written = writesBetween(version, await this.#label());
    return written === undefined || written <= writes; // fewer: of a server that lags
  }

  /**
   * After our write the sequence number is one higher for each: then the listing is what we knew with our changes,
   * and only the writer's later proof reads it (t=json takes longer than the link itself). Else it is read now.
   */
  async afterWrite(sent: SentWrite): Promise<DirnodeState> {
    const state = await this.#stateAfter(sent);
    if (this.#context.pending !== undefined) {
      await this.save(); // before the edits are forgotten: a later process must know that what stands there is ours
    }
    return state;
  }

  async #stateAfter(sent: SentWrite): Promise<DirnodeState> {
    this.#epoch += 1;
    this.#refreshing = undefined;
    const before = sequenceNumber(sent.before.version);
    const label = await this.#label();
    const after = sequenceNumber(label);
    const wasAlone = before !== undefined && after === before + sent.writes;
    if (wasAlone && this.#snapshot && this.#snapshot.label === sent.before.version) {
      const { listing } = this.#withEdits(this.#snapshot, sent.edits);
      return this.#stateOf(this.#keep(listing, label, !this.#context.isSoleWriter));
    }
    if (before !== undefined && after !== undefined && after > before + sent.writes) {
      this.#context.log.warn(
        { dir: this.dirId, names: sent.edits.map((edit) => edit.name) },
        'another node wrote this directory at the same moment: what it changed may be gone, of these names and of all if the directory was empty',
      );
    }
    const listing = await this.#context.grid.list(this.#strongestCap());
    return this.#stateOf(this.#keepRead(listing, label, await this.#isRolledBack(listing, label)));
  }

  /** Once the writer has proved them, only what was shown says that they are ours. */
  answered(edits: readonly Edit[], wereRead: boolean): void {
    if (!wereRead) {
      this.#forget();
      this.#snapshot &&= this.#withEdits(this.#snapshot, edits);
      this.#weigh();
    }
    this.#shown &&= this.#withEdits(this.#shown, edits);
    this.#saveLater();
  }

  #withEdits(snapshot: Snapshot, edits: readonly Edit[]): Snapshot {
    const children = new Map(snapshot.listing.children);
    for (const { name, want } of edits) {
      if (want === undefined) {
        children.delete(name);
      } else {
        children.set(name, linkedNow(want, children.get(name), this.#context.clock));
      }
    }
    return { ...snapshot, listing: { ...snapshot.listing, children } };
  }

  #isFresh(snapshot: Snapshot, maxAgeMs: number): boolean {
    return this.#isImmutable || this.#context.clock.monotonicMs() - snapshot.provedAtMs <= maxAgeMs;
  }

  async #freshSnapshot(maxAgeMs: number, signal: AbortSignal | undefined): Promise<Snapshot> {
    const { clock, slowness } = this.#context;
    if (!this.#isLoaded) {
      await raceAbort(this.#loaded(), signal);
    }
    const snapshot = this.#snapshot;
    if (snapshot && this.#isFresh(snapshot, maxAgeMs)) {
      return snapshot;
    }
    if (snapshot && slowness.isSuspected(clock)) {
      slowness.probe(clock, () => this.#refreshShared());
      return snapshot;
    }
    const refreshed = this.#refreshShared();
    if (!snapshot) {
      return await raceAbort(refreshed, signal);
    }
    refreshed.catch(() => undefined); // whoever waits below hears of it; #refresh has logged it
    const waitMs = Math.max(0, this.#refreshBeganMs + PATIENCE_MS - clock.monotonicMs());
    const calledOff = new AbortController();
    try {
      const late = clock.sleep(waitMs, calledOff.signal).then(
        () => undefined,
        () => undefined,
      );
      const newer = await raceAbort(Promise.race([refreshed, late]), signal);
      if (newer) {
        return newer;
      }
      slowness.suspect(clock);
      this.#context.log.info({ dir: this.dirId }, 'the grid is slow: serving the listing at hand');
      return snapshot;
    } catch (error) {
      if (!isRetryable(error)) {
        throw error;
      }
      slowness.suspect(clock);
      return snapshot;
    } finally {
      calledOff.abort();
    }
  }

  /** One running refresh, shared by all who ask while no write of ours came in between. */
  #refreshShared(): Promise<Snapshot> {
    if (this.#refreshing) {
      return this.#refreshing;
    }
    this.#refreshBeganMs = this.#context.clock.monotonicMs();
    const refreshing = this.#refresh().finally(() => {
      if (this.#refreshing === refreshing) {
        this.#refreshing = undefined;
      }
    });
    this.#refreshing = refreshing;
    return refreshing;
  }

  async #refresh(): Promise<Snapshot> {
    await this.#loaded();
    const epoch = this.#epoch;
    try {
      const snapshot = this.#snapshot;
      if (this.#isImmutable) {
        return snapshot && !snapshot.isSuspect
          ? snapshot
          : this.#keep(await this.#context.grid.list(this.#strongestCap()), undefined, false);
      }
      const label = await this.#label();
      this.#context.slowness.clear();
      const isKnown = label !== undefined && label === snapshot?.label && !snapshot.isSuspect;
      if (snapshot && snapshot === this.#snapshot && isKnown) {
        return this.#keep(snapshot.listing, label, snapshot.isGuess);
      }
      const listing = await this.#context.grid.list(this.#strongestCap());
      const wasRolledBack = await this.#isRolledBack(listing, label);
      if (epoch !== this.#epoch) {
        return { listing, label: undefined, provedAtMs: 0, isGuess: false }; // a write of ours came in between: not to be kept
      }
      return this.#keepRead(listing, label, wasRolledBack);
    } catch (error) {
      if (isRetryable(error)) {
        this.#context.slowness.suspect(this.#context.clock);
      }
      if (this.#snapshot) {
        this.#context.log.debug({ dir: this.dirId, err: error }, 'a listing could not be refreshed');
      }
      throw error;
    }
  }

  /** The version now; undefined when several are about (writers collided, or a server lags). */
  async #label(): Promise<string | undefined> {
    const { versions } = await this.#context.grid.check(this.#readCap);
    return versions.length === 1 ? versions[0] : undefined;
  }

  #keep(listing: Listing, label: string | undefined, isGuess: boolean): Snapshot {
    const snapshot = { listing, label, provedAtMs: this.#context.clock.monotonicMs(), isGuess };
    if (listing !== this.#snapshot?.listing) {
      this.#keepShown();
    }
    this.#snapshot = snapshot;
    this.#isLoaded = true;
    this.#weigh();
    this.#saveLater();
    return snapshot;
  }

  /** To be called before what was read is replaced by what nobody was shown. */
  #keepShown(): void {
    if (this.#context.isHeld(this.dirId)) {
      this.#shown ??= this.#snapshot;
    }
  }

  #saveLater(): void {
    if (this.#context.listings !== undefined && this.#worthSaving()) {
      this.#context.saver.changed(this);
    }
  }

  /** What is to be at hand after a restart, where the store does not have it. */
  #worthSaving(): Snapshot | undefined {
    const snapshot = this.#shown ?? this.#snapshot;
    const saved = this.#savedSnapshot;
    const isSaved =
      saved?.listing === snapshot?.listing &&
      saved?.label === snapshot?.label &&
      saved?.isGuess === snapshot?.isGuess;
    return isSaved ? undefined : snapshot;
  }

  /** Takes over what an earlier run has left, once, where nothing newer is at hand. It counts as old. */
  async #loaded(): Promise<void> {
    if (this.#isLoaded || this.#context.listings === undefined) {
      return;
    }
    this.#loading ??= this.#load(this.#context.listings).finally(() => {
      this.#isLoaded = true;
      this.#loading = undefined;
    });
    await this.#loading;
  }

  async #load(listings: ListingStore): Promise<void> {
    const found = await listings.load(this.dirId);
    if (found === undefined || this.#snapshot !== undefined) {
      return;
    }
    const { children, label, hasWriteCaps } = found.listing;
    const isPoor = this.#writeCap !== undefined && !hasWriteCaps; // it lacks the children's write caps
    this.#snapshot = {
      listing: { writeCap: this.#writeCap, readCap: this.#readCap, children },
      label,
      provedAtMs: Number.NEGATIVE_INFINITY,
      isGuess: false,
      isPoor,
      isSuspect: isPoor || (label === undefined && !this.#isImmutable),
    };
    this.#saved = found.saved;
    this.#savedSnapshot = this.#snapshot;
    this.#weigh();
  }

  #weigh(): void {
    const before = this.#weightBytes;
    this.#weightBytes = OWN_BYTES + (this.#snapshot ? weightOf(this.#snapshot.listing.children) : 0);
    this.#context.onWeight(this, this.#weightBytes - before);
  }

  /** Whether `listing` can only be there because another node wrote the directory over from an old copy of it. */
  async #isRolledBack(listing: Listing, label: string | undefined): Promise<boolean> {
    const before = this.#snapshot;
    const isSo = (now: string | undefined): boolean =>
      before !== undefined &&
      !before.isPoor &&
      isRolledBack(before.listing.children, listing.children, writesBetween(before.label, now));
    // The label is older than the listing: writes in between are not in its number.
    return isSo(label) && isSo(await this.#label());
  }

  #keepRead(listing: Listing, label: string | undefined, isRolledBack: boolean): Snapshot {
    if (isRolledBack) {
      this.#rollbacks += 1;
      this.#context.log.warn(
        { dir: this.dirId },
        'another node wrote this directory over from an old copy of it',
      );
      this.#writer?.lookSoon();
    }
    return this.#keep(listing, label, false);
  }

  /** What is at hand may be shown while there is nothing better, and is compared with what is read next. */
  #forget(): void {
    this.#refreshing = undefined;
    if (this.#snapshot) {
      this.#snapshot = { ...this.#snapshot, isSuspect: true, provedAtMs: Number.NEGATIVE_INFINITY };
    }
  }

  #stateOf(snapshot: Snapshot): DirnodeState {
    const { children } = snapshot.listing;
    return {
      version: snapshot.isSuspect ? undefined : snapshot.label,
      rollbacks: this.#rollbacks,
      get: (name) => seen(children.get(name)),
    };
  }

  #strongestCap(): string {
    return this.#writeCap ?? this.#readCap;
  }

  #overlaid(snapshot: Snapshot): ReadonlyMap<string, Child> {
    const edits = this.#context.pending?.of(this.dirId);
    const below = this.#withUndone(snapshot);
    return edits === undefined || edits.size === 0 ? below : new Overlaid(below, edits);
  }

  /** Answered changes that a racing writer has undone are shown all the same: they are being written again. */
  #withUndone(snapshot: Snapshot): ReadonlyMap<string, Child> {
    const { children } = snapshot.listing;
    const undone = this.#writer?.undone(this.#stateOf(snapshot)) ?? [];
    if (undone.length === 0) {
      return children;
    }
    const overlaid = new Map(children);
    for (const { name, want } of undone) {
      if (want === undefined) {
        overlaid.delete(name);
      } else {
        overlaid.set(name, want);
      }
    }
    return overlaid;
  }
}

function seen(child: Child | undefined): SeenChild | undefined {
  return child && { ...child, token: tokenOf(child.metadata) };
}

/** What the node will say of a child that was linked just now: its own times are its own, these are near them. */
function linkedNow(want: WantedChild, old: Child | undefined, clock: Clock): Child {
  const nowSeconds = clock.now() / 1000;
  const before = old?.metadata['tahoe'] as { readonly linkcrtime?: unknown } | undefined;
  const tahoe = { linkmotime: nowSeconds, linkcrtime: before?.linkcrtime ?? nowSeconds };
  return { ...want, metadata: { ...want.metadata, tahoe } };
}
