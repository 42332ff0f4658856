// Changes that are answered when they are on stable storage here: each becomes a pending edit, decided on what readers
// are shown. Between the look and the edit nothing is waited for, so that nothing can come between.
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import type { Decision, DirnodeChange } from '../edits/dirnode-write.ts';
import { type Edit, type EditPlace, placeKey, type SeenChild, type WantedChild } from '../edits/edit.ts';
import { isSameThing, type Landed } from '../edits/landed.ts';
import { type BaseChild, capOf, type PendingEdit, type PendingUpdate } from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import type { Stand, Stands } from '../edits/stands.ts';
import type { Child } from '../tahoe/grid.ts';
import type { Changer } from './changer.ts';
import type { DirInode } from './dir-inode.ts';
import type { DirTable } from './dir-table.ts';
import { tokenOf } from './edge.ts';
import { type LocalFiles, landedAs } from './local-files.ts';
import type { WalkedDir } from './locate.ts';

export interface LocalChangesParts {
  readonly pending: PendingEdits;
  readonly landed: Landed;
  readonly stands: Stands;
  readonly localFiles: LocalFiles;
  readonly dirs: DirTable;
  readonly clock: Clock;
}

export class LocalChanges implements Changer {
  readonly #parts: LocalChangesParts;

  constructor(parts: LocalChangesParts) {
    this.#parts = parts;
  }

  async change(at: WalkedDir, change: DirnodeChange, signal?: AbortSignal): Promise<void> {
    for (let above: WalkedDir | undefined = at; above; above = above.from) {
      await above.dir.childrenAtHand();
    }
    if (signal?.aborted) {
      throw new FsError('aborted', 'the request was given up', { cause: signal.reason });
    }
    this.#requireAttached(at);
    const children = childrenOf(at.dir);
    const decision = change.decide({
      get: (name) => seen(children.get(name)),
      version: undefined,
      rollbacks: 0,
    });
    const updates = [...this.#wanted(at.dir, decision), ...this.#companions(decision)];
    if (updates.length > 0) {
      const steps = this.#parts.stands.news([
        ...standsOf(at),
        ...this.#standsIn(at.dir.dirId, decision.wants),
      ]);
      await this.#parts.pending.commit([...updates, ...this.#below(updates)], steps.records);
      steps.note();
    }
  }

  /** A new directory that stands nowhere yet, with its children. */
  async makeDirectory(dirId: string, children: ReadonlyMap<string, WantedChild>): Promise<void> {
    const updates: PendingUpdate[] = [];
    for (const [name, want] of children) {
      updates.push(this.#update({ dirId, name }, want, undefined, false));
    }
    const wants = [...children].map(([name, want]) => ({ name, want }));
    const steps = this.#parts.stands.news(this.#standsIn(dirId, wants));
    if (updates.length > 0) {
      await this.#parts.pending.commit(updates, steps.records);
    }
    steps.note();
  }

  /** Of the directories among new children. */
  #standsIn(parentId: string, wants: Decision['wants']): Stand[] {
    return wants.flatMap(({ name, want }) => {
      const dirId = want?.kind === 'directory' ? this.#parts.dirs.idOfChild(want) : undefined;
      const writeCap = want?.writeCap;
      return dirId === undefined || writeCap === undefined ? [] : [{ dirId, writeCap, parentId, name }];
    });
  }

  #wanted(dir: DirInode, { wants }: Decision): PendingUpdate[] {
    const below = dir.gridChildrenAtHand();
    const wanted = new Set(wants.map(({ want }) => want && capOf(want)));
    return wants.map(({ name, want }) => {
      const now = want === undefined ? dir.childrenInMemory()?.get(name) : undefined;
      const isMoved = now !== undefined && wanted.has(capOf(now));
      const place = { dirId: dir.dirId, name };
      return this.#update(place, want && this.#stillThere(want), below?.get(name), isMoved);
    });
  }

  /** The other half of a move, unless somebody has put another thing there meanwhile: that one stays. */
  #companions({ companions = [] }: Decision): PendingUpdate[] {
    return companions.flatMap((edit) => {
      const dir = this.#parts.dirs.get(edit.dirWriteCap);
      const now = childrenOf(dir).get(edit.name);
      return this.#isBase(edit, now)
        ? [this.#update(edit, undefined, dir.gridChildrenAtHand()?.get(edit.name), true)]
        : [];
    });
  }

  #isBase(edit: Edit, now: Child | undefined): boolean {
    const { replaces } = edit;
    return now !== undefined && isSameThing(this.#parts.landed, replaces, now);
  }

  #update(
    place: EditPlace,
    want: WantedChild | undefined,
    below: Child | undefined,
    isMoved: boolean,
  ): PendingUpdate {
    const { pending, clock } = this.#parts;
    const { dirId, name } = place;
    const old = pending.get(place);
    const base = old ? old.base : baseOf(below);
    const tried = old?.tried ?? [];
    if (want === undefined && base === undefined && tried.length === 0) {
      return { place: { dirId, name }, edit: undefined }; // the grid never heard of it
    }
    const nowMs = clock.now();
    const edit: PendingEdit = {
      dirId,
      name,
      want,
      base,
      tried,
      ...(isMoved || old?.isMoved ? { isMoved: true } : {}),
      gen: pending.nextGen(),
      sinceMs: old?.sinceMs ?? nowMs,
      changedMs: nowMs,
    };
    return { place: { dirId, name }, edit };
  }

  /** What waits in directories that nobody wants any more goes with them. */
  #below(updates: readonly PendingUpdate[]): PendingUpdate[] {
    const { pending } = this.#parts;
    const gone = this.#directoriesGone(updates);
    if (gone.size === 0) {
      return [];
    }
    const dropped: PendingUpdate[] = [];
    for (const dirId of pending.dirIds()) {
      if (this.#isBelow(dirId, gone)) {
        for (const edit of pending.of(dirId).values()) {
          dropped.push({ place: edit, edit: undefined });
        }
      }
    }
    const changed = new Set(updates.map(({ place }) => placeKey(place)));
    return dropped.filter(({ place }) => !changed.has(placeKey(place)));
  }

  /** Those that stood at a changed name, and that no edit wants any more. */
  #directoriesGone(updates: readonly PendingUpdate[]): ReadonlySet<string> {
    const { pending, dirs } = this.#parts;
    const changed = new Map(updates.map((update) => [placeKey(update.place), update.edit]));
    const gone = new Set<string>();
    for (const { place } of updates) {
      const child = dirs.find(place.dirId)?.childrenInMemory()?.get(place.name);
      const dirId = child?.kind === 'directory' ? dirs.idOfChild(child) : undefined;
      if (dirId !== undefined) {
        gone.add(dirId);
      }
    }
    for (const edit of gone.size === 0
      ? []
      : [...pending.all()].filter((old) => !changed.has(placeKey(old)))) {
      this.#keepWanted(gone, edit);
    }
    for (const edit of changed.values()) {
      this.#keepWanted(gone, edit);
    }
    return gone;
  }

  #keepWanted(gone: Set<string>, edit: PendingEdit | undefined): void {
    const dirId = edit?.want?.kind === 'directory' ? this.#parts.dirs.idOfChild(edit.want) : undefined;
    if (dirId !== undefined) {
      gone.delete(dirId);
    }
  }

  #isBelow(dirId: string, gone: ReadonlySet<string>): boolean {
    const passed = new Set<string>();
    for (let at: string | undefined = dirId; at !== undefined && !passed.has(at); ) {
      if (gone.has(at)) {
        return true;
      }
      passed.add(at);
      at = this.#parts.stands.get(at)?.parentId;
    }
    return false;
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
    for (let below = at; below.from; below = below.from) {
      const name = below.path.at(-1) ?? '';
      const child = below.from.dir.childrenInMemory()?.get(name);
      if (child === undefined || this.#parts.dirs.idOfChild(child) !== below.dir.dirId) {
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

function baseOf(child: Child | undefined): BaseChild | undefined {
  return child && { kind: child.kind, writeCap: child.writeCap, readCap: child.readCap };
}

/** Every step of the way, but for the root. */
function* standsOf(at: WalkedDir): Generator<Stand> {
  for (let below = at; below.from; below = below.from) {
    const { dirId, dirWriteCap } = below.dir;
    yield { dirId, writeCap: dirWriteCap, parentId: below.from.dir.dirId, name: below.path.at(-1) ?? '' };
  }
}
