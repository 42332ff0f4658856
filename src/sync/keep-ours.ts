// What becomes of edits that somebody else on the grid has overtaken: nothing of theirs is written over, and nothing of
// ours is dropped.
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { PendingEdit, PendingUpdate } from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import type { Stands } from '../edits/stands.ts';
import type { DirInode } from '../inode/dir-inode.ts';
import type { DirTable } from '../inode/dir-table.ts';
import { wantedDirectory } from '../inode/wanted.ts';
import { localDirText } from '../tahoe/caps.ts';
import { asConflictCopy, conflictName, moved } from './conflicts.ts';
import { isSameContent, placeOf } from './dir-sync.ts';

export interface KeepOursParts {
  readonly pending: PendingEdits;
  readonly stands: Stands;
  readonly dirs: DirTable;
  readonly clock: Clock;
  readonly log: Logger;
  readonly newId: () => string;
  /** This machine, in the names of copies. */
  readonly gateway: string;
}

export class KeepOurs {
  readonly #parts: KeepOursParts;
  #count = 0;

  constructor(parts: KeepOursParts) {
    this.#parts = parts;
  }

  /** Conflicts met so far. */
  get count(): number {
    return this.#count;
  }

  /** The grid's children keep their names; what we wanted there goes beside them. Rejects with what the store says. */
  async beside(dir: DirInode, overtaken: readonly PendingEdit[]): Promise<void> {
    const { pending, log } = this.#parts;
    const updates: PendingUpdate[] = [];
    const taken = new Set<string>();
    for (const edit of overtaken) {
      const now = pending.get(edit);
      if (now === undefined) {
        continue;
      }
      const isCopied = now.want !== undefined && !isSameContent(now);
      const copy = isCopied ? this.#freeName(dir, edit.name, taken) : undefined;
      updates.push(
        ...(copy === undefined
          ? [{ place: placeOf(now), edit: undefined }]
          : asConflictCopy(now, copy, pending)),
      );
      this.#count += 1;
      log.warn(
        { dir: dir.dirId, name: edit.name, copy },
        'somebody else has changed the same name: theirs stays, ours is kept beside it',
      );
    }
    if (updates.length > 0) {
      await pending.commit(updates);
    }
  }

  /** A directory is gone from the grid: what was to be added to it goes into a new one, in `below`, beside its `name`. */
  async rescue(dir: DirInode, below: DirInode, name: string): Promise<void> {
    const { pending, stands, dirs, newId, log } = this.#parts;
    const edits = [...pending.of(dir.dirId).values()];
    const added = edits.filter((edit) => edit.want !== undefined);
    const gone = edits.map((edit): PendingUpdate => ({ place: placeOf(edit), edit: undefined }));
    this.#count += 1;
    if (added.every(({ staysHere }) => staysHere !== undefined)) {
      await pending.commit(gone);
      return;
    }
    const cap = localDirText(newId());
    const { dirId } = dirs.get(cap);
    const copy = this.#freeName(below, name, new Set());
    const rescued = added.map((edit) => moved(edit, { dirId, name: edit.name }, pending));
    const walked = stands.walked([{ dirId, writeCap: cap, parentId: below.dirId, name: copy }]);
    await pending.commit([...gone, ...rescued, this.#newDirectory(below, copy, cap, added)], walked.records);
    walked.stored();
    log.warn(
      { dir: dir.dirId, name, copy, edits: added.length },
      'a directory with changes that wait was removed by somebody else: they go into a new one beside it',
    );
  }

  #freeName(dir: DirInode, name: string, taken: Set<string>): string {
    const { gateway, clock } = this.#parts;
    const children = dir.childrenInMemory();
    const free = conflictName(
      name,
      gateway,
      clock,
      (asked) => taken.has(asked) || children?.has(asked) === true,
    );
    taken.add(free);
    return free;
  }

  #newDirectory(below: DirInode, name: string, cap: string, added: readonly PendingEdit[]): PendingUpdate {
    const { pending, clock } = this.#parts;
    const place = { dirId: below.dirId, name };
    const edit: PendingEdit = {
      ...place,
      want: wantedDirectory(cap, cap, clock.now()),
      base: undefined,
      tried: [],
      gen: pending.nextGen(),
      sinceMs: Math.min(...added.map(({ sinceMs }) => sinceMs)),
      changedMs: clock.now(),
    };
    return { place, edit };
  }
}
