// The directories in memory, one object for each dirnode whatever path leads to it. What isn't in use is dropped,
// the longest unused first, when they take more memory than they may. One that somebody still holds is found again as
// long as he does: a dirnode has one writer, so it may never have two objects.
import { FsError } from '../base/errors.ts';
import { type Edit, samePlace } from '../edits/edit.ts';
import type { BaseChild } from '../edits/pending.ts';
import {
  type Cap,
  identityOf,
  isDirectoryCap,
  type LocalCap,
  type LocalDirCap,
  parseOwnCap,
  readOnlyText,
} from '../tahoe/caps.ts';
import type { Child } from '../tahoe/grid.ts';
import { type DirContext, DirInode } from './dir-inode.ts';

export class DirTable {
  readonly #context: DirContext;
  readonly #maxBytes: number;
  /** In the order of last use. */
  readonly #dirs = new Map<string, DirInode>();
  #bytes = 0;
  /** All that are alive, also the dropped ones. */
  readonly #alive = new Map<string, WeakRef<DirInode>>();
  readonly #ids = new WeakMap<Child, string>();
  /** How often each is held. */
  readonly #holds = new Map<string, number>();
  readonly #collected = new FinalizationRegistry<string>((dirId) => {
    if (this.#alive.get(dirId)?.deref() === undefined) {
      this.#alive.delete(dirId);
    }
  });

  constructor(context: Omit<DirContext, 'onWeight' | 'isHeld'>, maxBytes: number) {
    this.#context = {
      ...context,
      isHeld: (dirId) => this.#holds.has(dirId),
      onWeight: (dir, moreBytes) => this.#weighed(dir, moreBytes),
    };
    this.#maxBytes = maxBytes;
  }

  /** What they take of the memory, estimated. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The directory behind a cap, read or write, or a local one. Throws `bad-cap` for a cap of anything else. */
  get(capText: string): DirInode {
    const cap = parseOwnCap(capText);
    if (cap.kind === 'local-directory') {
      return this.#local(cap);
    }
    if (!isDirectoryCap(cap)) {
      throw new FsError('bad-cap', 'the cap does not name a directory');
    }
    const dirId = this.#idOf(cap);
    const writeCap = cap.kind === 'mutable' && cap.isWritable ? capText : undefined;
    const known = this.#find(dirId);
    if (known) {
      known.learn(writeCap);
      return known;
    }
    const isImmutable = cap.kind === 'immutable-directory';
    return this.#add({ dirId, readCap: readOnlyText(cap), writeCap, isImmutable });
  }

  /** One that was made here: by the grid's caps once it is there. */
  #local(cap: LocalDirCap): DirInode {
    const dirId = identityOf(cap);
    const known = this.#find(dirId);
    if (known) {
      return known;
    }
    const landed = this.#context.landed?.capsOf(cap.text);
    return landed === undefined
      ? this.#add({ dirId, readCap: cap.text, writeCap: cap.text, isImmutable: false, isLocal: true })
      : this.#add({ dirId, readCap: landed.readCap, writeCap: landed.writeCap, isImmutable: false });
  }

  #add(caps: ConstructorParameters<typeof DirInode>[1]): DirInode {
    const dir = new DirInode(this.#context, caps);
    this.#alive.set(dir.dirId, new WeakRef(dir));
    this.#collected.register(dir, dir.dirId);
    this.#use(dir);
    return dir;
  }

  /** The id of what a child is, whatever cap of it one has; undefined for a child without caps. */
  idOfChild(child: Pick<Child, 'writeCap' | 'readCap'>): string | undefined {
    const cap = child.writeCap ?? child.readCap;
    return cap === undefined ? undefined : this.#idOf(parseOwnCap(cap));
  }

  /** The same where the child is a directory; undefined for anything else, and for none. */
  idOfDirectory(child: BaseChild | undefined): string | undefined {
    return child?.kind === 'directory' ? this.idOfChild(child) : undefined;
  }

  /** The id that a directory has in other trees, where it has another one here; undefined while the grid has it not. */
  gridIdOf({ dirId, readCap, isLocal }: DirInode): string | undefined {
    const gridId = isLocal ? dirId : identityOf(parseOwnCap(readCap));
    return gridId === dirId ? undefined : gridId;
  }

  #idOf(cap: Cap | LocalCap): string {
    const identity = identityOf(cap);
    return this.#context.landed?.dirIdOf(identity) ?? identity;
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
    // Also one that was dropped while somebody held it may be writing.
    await Promise.all([...this.#alive.values()].map((dir) => dir.deref()?.stop()));
  }

  /** What was shown of a directory stays known, here and after a restart, whatever is read of it until `release`. */
  hold(dirId: string): void {
    this.#holds.set(dirId, (this.#holds.get(dirId) ?? 0) + 1);
  }

  release(dirId: string): void {
    const left = (this.#holds.get(dirId) ?? 0) - 1;
    if (left > 0) {
      this.#holds.set(dirId, left);
    } else {
      this.#holds.delete(dirId);
      this.peek(dirId)?.released();
    }
  }

  /** One that is in memory, by its id. */
  find(dirId: string): DirInode | undefined {
    return this.#find(dirId);
  }

  /** As `find`, by who does not use it. */
  peek(dirId: string): DirInode | undefined {
    return this.#dirs.get(dirId) ?? this.#alive.get(dirId)?.deref();
  }

  /** The same for a child of a listing. Its cap is taken apart once: that is four hashes, on each way of each request. */
  ofChild(child: Child): DirInode {
    const dirId = this.#ids.get(child);
    const known = dirId === undefined ? undefined : this.#find(dirId);
    if (known && (child.writeCap === undefined || known.isWritable)) {
      return known;
    }
    const dir = this.get(child.writeCap ?? child.readCap ?? '');
    this.#ids.set(child, dir.dirId);
    return dir;
  }

  #find(dirId: string): DirInode | undefined {
    const known = this.peek(dirId);
    if (known) {
      this.#use(known);
    }
    return known;
  }

  #use(dir: DirInode): void {
    if (!this.#dirs.delete(dir.dirId)) {
      this.#bytes += dir.weightBytes;
    }
    this.#dirs.set(dir.dirId, dir);
    this.#shrink(dir);
  }

  #weighed(dir: DirInode, moreBytes: number): void {
    if (this.#dirs.has(dir.dirId)) {
      this.#bytes += moreBytes;
      this.#shrink(undefined);
    } else {
      this.#use(dir); // dropped while somebody held it, and now it takes memory again
    }
  }

  /** Looks at a few of the longest unused only: of those in use there are not many. */
  #shrink(newest: DirInode | undefined): void {
    let looked = 0;
    for (const [id, dir] of this.#dirs) {
      if (this.#bytes <= this.#maxBytes || looked >= MAX_LOOKED_AT) {
        return;
      }
      if (dir !== newest && dir.isIdle) {
        this.#bytes -= dir.weightBytes;
        this.#dirs.delete(id);
      } else {
        looked += 1;
        // In use just now: behind the others, which so have their turn.
        this.#dirs.delete(id);
        this.#dirs.set(id, dir);
      }
    }
  }
}

const MAX_LOOKED_AT = 64;
