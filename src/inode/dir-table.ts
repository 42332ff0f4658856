// The directories in memory, one object for each dirnode whatever path leads to it. What isn't in use is dropped,
// the longest unused first, when the listings held grow past a bound.
import { FsError } from '../base/errors.ts';
import { type Edit, samePlace } from '../edits/edit.ts';
import { identityOf, isDirectoryCap, parseCap, readOnlyText } from '../tahoe/caps.ts';
import { type DirContext, DirInode } from './dir-inode.ts';

/** Children held over all listings before unused ones are dropped: some 100 MiB at about 500 bytes each. */
const MAX_WEIGHT = 200_000;
const SHRINK_EVERY = 64;

export class DirTable {
  readonly #context: DirContext;
  readonly #maxWeight: number;
  /** In the order of last use. */
  readonly #dirs = new Map<string, DirInode>();
  #sinceShrink = 0;

  constructor(context: DirContext, maxWeight: number = MAX_WEIGHT) {
    this.#context = context;
    this.#maxWeight = maxWeight;
  }

  /** The directory behind a cap, read or write. Throws `bad-cap` for a cap of anything else. */
  get(capText: string): DirInode {
    const cap = parseCap(capText);
    if (!isDirectoryCap(cap)) {
      throw new FsError('bad-cap', 'the cap does not name a directory');
    }
    const dirId = identityOf(cap);
    const writeCap = cap.kind === 'mutable' && cap.isWritable ? capText : undefined;
    const known = this.#dirs.get(dirId);
    if (known) {
      known.learn(writeCap);
      this.#dirs.delete(dirId);
      this.#dirs.set(dirId, known);
      return known;
    }
    const dir = new DirInode(this.#context, {
      dirId,
      readCap: readOnlyText(cap),
      writeCap,
      isImmutable: cap.kind === 'immutable-directory',
    });
    this.#dirs.set(dirId, dir);
    this.#sinceShrink += 1;
    if (this.#sinceShrink >= SHRINK_EVERY) {
      this.#shrink(dir);
    }
    return dir;
  }

  /**
   * Brings edits that an earlier process left to the grid, however long that takes: all links first, then the
   * unlinks that wait for one of them. An unlink whose link was overtaken by somebody else's change is dropped.
   */
  async adopt(edits: readonly Edit[]): Promise<void> {
    const links = edits.filter((edit) => edit.after === undefined);
    const unlinks = edits.filter((edit) => edit.after !== undefined);
    const overtaken = await this.#adoptAll(links);
    const isVoid = (edit: Edit): boolean =>
      overtaken.some((other) => edit.after !== undefined && samePlace(edit.after, other));
    await this.#context.edits.drop(unlinks.filter(isVoid));
    await this.#adoptAll(unlinks.filter((edit) => !isVoid(edit)));
  }

  async #adoptAll(edits: readonly Edit[]): Promise<readonly Edit[]> {
    const byDir = new Map<DirInode, Edit[]>();
    for (const edit of edits) {
      const dir = this.get(edit.dirWriteCap);
      byDir.set(dir, [...(byDir.get(dir) ?? []), edit]);
    }
    const overtaken = await Promise.all([...byDir].map(([dir, ofDir]) => dir.writer.adopt(ofDir)));
    return overtaken.flat();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#dirs.values()].map((dir) => dir.stop()));
  }

  #shrink(newest: DirInode): void {
    this.#sinceShrink = 0;
    let weight = 0;
    for (const dir of this.#dirs.values()) {
      weight += dir.weight;
    }
    for (const [id, dir] of this.#dirs) {
      if (weight <= this.#maxWeight) {
        return;
      }
      if (dir !== newest && dir.isIdle) {
        weight -= dir.weight;
        this.#dirs.delete(id);
      }
    }
  }
}
