// Changes that are answered when they are on stable storage here: each becomes a pending edit, decided on what readers
// are shown. Between the look and the edit nothing is waited for, so that nothing can come between.
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import { type LitterKind, type LitterRules, litterOn } from '../base/litter.ts';
import type { TreePath } from '../base/path.ts';
import type { Decision, DirnodeChange } from '../edits/dirnode-write.ts';
import { type EditPlace, fingerprint, type SeenChild, type WantedChild } from '../edits/edit.ts';
import { isSameThing, type Landed } from '../edits/landed.ts';
import {
  baseOf,
  capOf,
  type PendingEdit,
  type PendingUpdate,
  type TakenDirectory,
  withTaken,
} from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import type { Stand, Stands } from '../edits/stands.ts';
import { isLocalText } from '../tahoe/caps.ts';
import type { Child } from '../tahoe/grid.ts';
import type { Changer } from './changer.ts';
import { detachedBy, dropAll, neverLinked } from './detached.ts';
import type { DirInode } from './dir-inode.ts';
import type { DirTable } from './dir-table.ts';
import { linkedSince, tokenOf } from './edge.ts';
import { withGoneAfterMove } from './gone-after-move.ts';
import { type LocalFiles, landedAs } from './local-files.ts';
import type { WalkedDir } from './locate.ts';

export interface LocalChangesParts {
  readonly pending: PendingEdits;
  readonly landed: Landed;
  readonly stands: Stands;
  readonly localFiles: LocalFiles;
  readonly dirs: DirTable;
  readonly rootId: string;
  readonly clock: Clock;
  readonly litter: LitterRules;
}

/** Sealing 1,000 edits holds the loop for 50 ms. */
const MAX_AT_ONCE = 200;
/** So many directories below one are looked through before it is taken away: what was read lately may not be saved yet. */
const MAX_SAVED = 100;

export class LocalChanges implements Changer {
  readonly doesCompanions = true;
  readonly #parts: LocalChangesParts;

  constructor(parts: LocalChangesParts) {
    this.#parts = parts;
  }

  async change(
    at: WalkedDir,
    change: DirnodeChange,
    signal?: AbortSignal,
    source?: WalkedDir,
  ): Promise<void> {
    const ways = source === undefined ? [at] : [at, source];
    for (const { dir } of ways.flatMap((way) => [...stepsOf(way)])) {
      await dir.children(Number.POSITIVE_INFINITY, signal);
      if (!dir.isKept) {
        await dir.save(); // what is answered below it is shown after a restart, too, whatever the grid does
      }
    }
    await this.#saveShown(at.dir, change.names);
    if (signal?.aborted) {
      throw new FsError('aborted', 'the request was given up', { cause: signal.reason });
    }
    for (const way of ways) {
      this.#requireAttached(way);
    }
    const children = childrenOf(at.dir);
    const decision = change.decide({
      get: (name) => seen(children.get(name)),
      version: undefined,
      rollbacks: 0,
    });
    const updates = [
      ...this.#wanted(at, decision),
      ...(source === undefined ? [] : this.#companions(source.dir, decision)),
    ];
    if (updates.length > 0) {
      await this.#commit(updates, [
        ...ways.flatMap((way) => [...standsOf(way)]),
        ...this.#standsIn(at.dir.dirId, decision.wants),
      ]);
    }
  }

  /** The grid makes these changes itself. What of ours they detach goes, and directories are known where they stand: call it then. */
  followUp(dir: DirInode, wants: Decision['wants']): () => Promise<void> {
    const { pending, stands, rootId } = this.#parts;
    const updates = wants.map(({ name, want }) => ({
      place: { dirId: dir.dirId, name },
      edit: want && { want },
    }));
    const detached = detachedBy(this.#parts, rootId, updates);
    const steps = this.#standsIn(dir.dirId, wants).filter(({ dirId }) => stands.get(dirId) !== undefined);
    return async () => {
      const walked = stands.walked(steps);
      await pending.commit(detached, walked.records);
      walked.stored();
    };
  }

  /** A new directory that stands nowhere yet, with its children; `staysHere`: it is to stand where litter does. */
  async makeDirectory(
    dirId: string,
    children: ReadonlyMap<string, WantedChild>,
    staysHere?: LitterKind,
  ): Promise<void> {
    const wants = [...children].map(([name, want]) => ({ name, want }));
    for (let start = 0; start < wants.length; start += MAX_AT_ONCE) {
      const some = wants.slice(start, start + MAX_AT_ONCE);
      const updates = some.map(({ name, want }) =>
        this.#update({ dirId, name }, this.#stillThere(want), undefined, {
          staysHere: staysHere ?? this.#staying([name], want, false),
        }),
      );
      await this.#commit(updates, this.#standsIn(dirId, some));
    }
  }

  /** Of directories that were made, and are to be linked nowhere. */
  async abandon(dirIds: readonly string[]): Promise<void> {
    await this.#parts.pending.commit(dropAll(this.#parts.pending, dirIds));
  }

  /** What an earlier process has made and not linked. To be called before any change. */
  async dropNeverLinked(): Promise<void> {
    await this.#parts.pending.commit(neverLinked(this.#parts, this.#parts.rootId));
  }

  async #commit(updates: readonly PendingUpdate[], steps: readonly Stand[]): Promise<void> {
    const { pending, stands, rootId } = this.#parts;
    const walked = stands.walked(steps);
    const detached = detachedBy(this.#parts, rootId, updates);
    const taken = this.#takenBy(detached);
    const all = withGoneAfterMove(this.#parts, [...updates, ...detached]);
    const noted = all.map(({ place, edit }) => ({ place, edit: edit && withTaken(edit, taken) }));
    await pending.commit(noted, walked.records);
    walked.stored();
  }

  /** What goes to the grid must know of edits that go with a directory. */
  #takenBy(detached: readonly PendingUpdate[]): TakenDirectory | undefined {
    const { pending, dirs, landed } = this.#parts;
    const edits = detached.flatMap(({ place }) => pending.get(place) ?? []);
    const hidesOthers = ({ dirId, name, base, tried }: PendingEdit): boolean => {
      const child = dirs.peek(dirId)?.gridChildrenAtHand()?.get(name);
      return child !== undefined && !isSameThing(landed, child, base) && !tried.includes(fingerprint(child));
    };
    const tried = edits.flatMap((edit) => [...edit.tried, ...(edit.taken?.tried ?? [])]);
    const hidOthers = edits.some((edit) => hidesOthers(edit) || edit.taken?.hidOthers === true);
    return tried.length > 0 || hidOthers ? { tried, hidOthers } : undefined;
  }

  /** What was shown of directories that may be taken away is known after a restart, too. */
  async #saveShown(dir: DirInode, names: readonly string[]): Promise<void> {
    const { dirs } = this.#parts;
    const known = new Set<DirInode>();
    const note = (child: Child | undefined): void => {
      const dirId = dirs.idOfDirectory(child);
      const below = dirId === undefined ? undefined : dirs.peek(dirId);
      if (below) {
        known.add(below);
      }
    };
    for (const name of names) {
      note(dir.childrenInMemory()?.get(name));
    }
    for (const below of known) {
      if (known.size >= MAX_SAVED) {
        break; // they are being saved anyway
      }
      for (const child of below.childrenInMemory()?.values() ?? []) {
        note(child);
      }
    }
    await Promise.all([...known].filter((one) => !one.isKept).map((one) => one.save()));
  }

  /** Of the directories among new children. */
  #standsIn(parentId: string, wants: Decision['wants']): Stand[] {
    return wants.flatMap(({ name, want }) => {
      const dirId = this.#parts.dirs.idOfDirectory(want);
      const writeCap = want?.writeCap;
      return dirId === undefined || writeCap === undefined ? [] : [{ dirId, writeCap, parentId, name }];
    });
  }

  #wanted({ dir, path }: WalkedDir, { wants }: Decision): PendingUpdate[] {
    const below = dir.gridChildrenAtHand();
    const wanted = new Set(wants.map(({ want }) => want && capOf(want)));
    return wants.map(({ name, want }) => {
      const now = want === undefined ? dir.childrenInMemory()?.get(name) : undefined;
      const isMoved = now !== undefined && wanted.has(capOf(now));
      const place = { dirId: dir.dirId, name };
      const staysHere = want && this.#staying([...path, name], want, dir.isLocal);
      return this.#update(place, want && this.#stillThere(want), below?.get(name), { isMoved, staysHere });
    });
  }

  /** The other half of a move. Where another thing stands there by now, or none, nothing is moved. */
  #companions(dir: DirInode, { companions = [] }: Decision): PendingUpdate[] {
    return companions.map((edit) => {
      const now = childrenOf(dir).get(edit.name);
      if (now === undefined || !isSameThing(this.#parts.landed, edit.replaces, now)) {
        throw new FsError('conflict', 'the thing to move was changed by somebody else just now');
      }
      return this.#update(edit, undefined, dir.gridChildrenAtHand()?.get(edit.name), { isMoved: true });
    });
  }

  #update(
    place: EditPlace,
    want: WantedChild | undefined,
    below: Child | undefined,
    {
      isMoved = false,
      staysHere,
    }: { readonly isMoved?: boolean; readonly staysHere?: LitterKind | undefined },
  ): PendingUpdate {
    const { pending, landed, clock } = this.#parts;
    const { dirId, name } = place;
    const old = pending.get(place);
    const waits = old?.staysHere === undefined ? old : undefined;
    const base = waits ? waits.base : baseOf(below); // somebody else may have put the like there since
    const tried = old?.tried ?? [];
    // Else something of ours stood there, and what becomes of that says nothing of what the grid has.
    const stoodBase = old === undefined || isSameThing(landed, old.want, base);
    const isBaseMoved = stoodBase ? isMoved : waits?.isMoved;
    if (want === undefined && base === undefined && tried.length === 0) {
      return { place: { dirId, name }, edit: undefined }; // the grid never heard of it
    }
    const nowMs = clock.now();
    const older = (old ? old.want : below)?.metadata;
    const edit: PendingEdit = {
      dirId,
      name,
      want: want && { ...want, metadata: linkedSince(want.metadata, older, nowMs) },
      base,
      tried,
      ...(isBaseMoved ? { isMoved: true } : {}),
      ...(!stoodBase && waits?.isGoneAfterMove ? { isGoneAfterMove: true } : {}),
      ...(waits?.taken ? { taken: waits.taken } : {}),
      ...(staysHere === undefined ? {} : { staysHere }),
      gen: pending.nextGen(),
      sinceMs: waits?.sinceMs ?? nowMs,
      changedMs: nowMs,
    };
    return { place: { dirId, name }, edit };
  }

  /** Litter that is made here stays here; what the grid has got is changed there. */
  #staying(path: TreePath, { writeCap, readCap }: WantedChild, isInLocal: boolean): LitterKind | undefined {
    const isHere = isInLocal || isLocalText(writeCap ?? readCap); // a directory that stays here is never written there
    return isHere ? litterOn(path, this.#parts.litter) : undefined;
  }

  /** Bytes that were here when somebody began to copy them may have landed since, or be gone. */
  #stillThere(want: WantedChild): WantedChild {
    const { landed, localFiles } = this.#parts;
    if (want.kind !== 'file' || localFiles.isHere(want)) {
      return want;
    }
    const there = landed.canonical(want);
    if (there === want) {
      throw new FsError('race', 'the file was replaced while it was being copied');
    }
    return landedAs(want, there);
  }

  /** The directory may have been moved or removed since it was walked to. */
  #requireAttached(at: WalkedDir): void {
    for (const { from, path, dir } of stepsOf(at)) {
      const child = from && childrenOf(from.dir).get(path.at(-1) ?? '');
      if (from && (child === undefined || this.#parts.dirs.idOfChild(child) !== dir.dirId)) {
        throw new FsError('parent-missing', 'the directory was moved or removed just now');
      }
    }
  }
}

function childrenOf(dir: DirInode): ReadonlyMap<string, Child> {
  const children = dir.childrenInMemory();
  if (children === undefined) {
    throw new FsError('unavailable', 'nothing is known of the directory while the grid is away');
  }
  return children;
}

function seen(child: Child | undefined): SeenChild | undefined {
  return child && { ...child, token: tokenOf(child.metadata) };
}

/** Every step of the way, but for the root. */
function* standsOf(at: WalkedDir): Generator<Stand> {
  for (const { from, dir, path } of stepsOf(at)) {
    if (from) {
      const { dirId, dirWriteCap } = dir;
      yield { dirId, writeCap: dirWriteCap, parentId: from.dir.dirId, name: path.at(-1) ?? '' };
    }
  }
}

/** From a directory up to the root. */
function* stepsOf(at: WalkedDir): Generator<WalkedDir> {
  for (let step: WalkedDir | undefined = at; step; step = step.from) {
    yield step;
  }
}
