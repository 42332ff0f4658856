// All handles on files of one tree. Handles on the same version of a file share one open inode; who opens a file after
// somebody else has changed it gets one of its own, and the commit of the older one is a conflict.
//
// A commit makes a new file of what was written and what it needs of the old one, and links it if the name has still
// what was opened; a mutable file is overwritten in place if it has still the version that was opened.
import { FsError } from '../base/errors.ts';
import { showPath, type TreePath } from '../base/path.ts';
import type { BlockCache } from '../cache/block-cache.ts';
import type { ScratchSpace } from '../cache/scratch-space.ts';
import type { BaseChild } from '../edits/pending.ts';
import { identityOf, parseCap } from '../tahoe/caps.ts';
import type { Child } from '../tahoe/grid.ts';
import { baseContentOf } from './base-content.ts';
import { describeChild, placeIdOf } from './describe.ts';
import type { FileFacts, Files } from './file-inode.ts';
import type { FileWrites } from './file-writes.ts';
import { InodeHandle } from './handle.ts';
import type { Place } from './locate.ts';
import { type BaseContent, type CommitOptions, type NewContent, OpenInode } from './open-inode.ts';
import { isMutable } from './overwrite-mutable.ts';
import type { Places } from './places.ts';
import { SharedInode } from './shared-inode.ts';
import type { Changed, ChangeOptions, FileHandle, HandleOptions } from './tree.ts';

export interface OpenHandlesParts {
  readonly places: Places;
  readonly files: Files;
  readonly writes: FileWrites;
  readonly scratch: ScratchSpace;
  readonly cache: BlockCache;
}

/** What stood at a name when it was opened, or was put there by the last commit. */
interface Version {
  readonly child: Child | undefined;
  /** Of a mutable file. */
  readonly version: string | undefined;
}

interface Opened {
  readonly path: TreePath;
  readonly inode: OpenInode;
  now: Version;
  /** What may stand at the name at a commit: what was opened, and files that were to replace it and never answered. */
  bases: Array<BaseChild | undefined>;
  /** What the last commit has changed. */
  changed: Changed | undefined;
}

interface OpenedShared extends Opened {
  readonly shared: SharedInode;
}

/** A file that is open for one writer, who shares it with nobody. To be disposed of. */
export interface OpenAlone extends AsyncDisposable {
  readonly inode: OpenInode;
  /** What was opened; undefined where the file is only to be made. */
  readonly place: Place;
  /** What the last commit has changed; undefined where there was none. */
  readonly changed: Changed | undefined;
}

export class OpenHandles {
  readonly #parts: OpenHandlesParts;
  /** Those that may be joined, by inode id. */
  readonly #joinable = new Map<string, OpenedShared>();
  readonly #all = new Set<Opened>();
  readonly #stopping = new AbortController();

  constructor(parts: OpenHandlesParts) {
    this.#parts = parts;
  }

  /** As Tree.openHandle. */
  async open(path: TreePath, options: HandleOptions): Promise<FileHandle> {
    requireSensible(options);
    if (path.length === 0) {
      throw new FsError('is-directory', 'the root is a directory');
    }
    const { places, files } = this.#parts;
    const isWriting = options.access !== 'read';
    const place = isWriting
      ? await places.toChange(path, options)
      : await places.toRead(path, options.signal);
    requireFile(place.child, path);
    const facts = place.child && (await files.facts(place.child));
    // From here to `join` nothing waits: of many who make a file exclusively, one is the first.
    const { shared } = this.#opened(path, place, facts, options);
    shared.join(isWriting);
    const handle = new InodeHandle(shared, options);
    if (options.truncate) {
      await handle.truncate(0, options.signal).catch(async (error: unknown) => {
        await handle.discard();
        throw error;
      });
    }
    return handle;
  }

  /** The file as it is now, or one that is to be made, for a single writer. `options.guard` is asked. */
  async openAlone(path: TreePath, options: ChangeOptions): Promise<OpenAlone> {
    const { places, files } = this.#parts;
    const place = await places.toChange(path, options);
    requireFile(place.child, path);
    const facts = place.child && (await files.facts(place.child));
    this.#requireRunning();
    if (place.child && isMutable(place.child)) {
      requireOverwritable(place.child, facts?.version);
    }
    const opened = this.#make(path, { child: place.child, version: facts?.version }, facts);
    return {
      inode: opened.inode,
      place,
      get changed() {
        return opened.changed;
      },
      [Symbol.asyncDispose]: async () => {
        this.#all.delete(opened);
        await opened.inode.dispose();
      },
    };
  }

  /** Handles are of no use from now on; what was not committed is lost. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([...this.#all].map(({ inode }) => inode.dispose()));
  }

  #requireRunning(): void {
    if (this.#stopping.signal.aborted) {
      throw new FsError('aborted', 'the tree is being stopped');
    }
  }

  #opened(path: TreePath, place: Place, facts: FileFacts | undefined, options: HandleOptions): OpenedShared {
    this.#requireRunning();
    const { child } = place;
    const key =
      child && facts
        ? describeChild(place.parent, place.name, child, facts).inodeId
        : placeIdOf(place.parent, place.name);
    const now = { child, version: facts?.version };
    const known = this.#joinable.get(key);
    const opened = known !== undefined && this.#isSame(known.now, now) ? known : undefined;
    if (options.exclusive && (child ?? opened)) {
      throw new FsError('exists', `there is already a file: ${showPath(path)}`);
    }
    if (!child && !opened && !options.create) {
      throw new FsError('not-found', `not found: ${showPath(path)}`);
    }
    if (child && isMutable(child) && options.access !== 'read') {
      requireOverwritable(child, now.version);
    }
    return opened ?? this.#makeJoinable(key, path, now, facts);
  }

  #makeJoinable(key: string, path: TreePath, now: Version, facts: FileFacts | undefined): OpenedShared {
    const onUnused = (): void => {
      this.#all.delete(made);
      if (this.#joinable.get(key) === opened) {
        this.#joinable.delete(key);
      }
    };
    const made = this.#make(path, now, facts);
    const opened = Object.assign(made, { shared: new SharedInode(made.inode, onUnused) });
    this.#joinable.set(key, opened);
    return opened;
  }

  #make(path: TreePath, now: Version, facts: FileFacts | undefined): Opened {
    const inode = new OpenInode({
      base: now.child && facts && this.#baseOf(now.child, facts),
      scratch: this.#parts.scratch.make(),
      commit: (content, options) => this.#commit(opened, content, options),
    });
    const opened: Opened = { path, inode, now, bases: [now.child], changed: undefined };
    this.#all.add(opened);
    return opened;
  }

  #baseOf(child: Child, facts: FileFacts): BaseContent {
    if (facts.sizeBytes === undefined) {
      throw new FsError('denied', 'a thing that this gateway does not know how to read');
    }
    return baseContentOf(this.#parts.files.opened(child, facts), facts.sizeBytes);
  }

  async #commit(
    opened: Opened,
    content: NewContent,
    { signal, ...asked }: CommitOptions,
  ): Promise<BaseContent> {
    const { places } = this.#parts;
    const options = {
      ...asked,
      expectedBytes: content.sizeBytes,
      signal: AbortSignal.any([this.#stopping.signal, ...(signal === undefined ? [] : [signal])]),
    };
    const place = await places.toChange(opened.path, options);
    this.#requireBase(opened, place.child);
    const { contentType } = place.child ? places.describe(place, place.child) : { contentType: undefined };
    const about = { ...options, ...(contentType === undefined ? {} : { contentType }) };
    return place.child && isMutable(place.child)
      ? await this.#overwrite(opened, place, place.child, content, about)
      : await this.#store(opened, place, content, about);
  }

  async #store(
    opened: Opened,
    place: Place,
    content: NewContent,
    options: CommitOptions & { readonly expectedBytes: number },
  ): Promise<BaseContent> {
    const { writes, files } = this.#parts;
    const stored = await writes.store(place, content.stream(options.signal), options, (current, want) => {
      this.#requireBase(opened, current);
      opened.bases.push(want);
    });
    const { child } = stored;
    opened.changed = stored.changed;
    await this.#keepChanged(child, content);
    opened.bases = [child];
    opened.now = { child, version: undefined };
    return this.#baseOf(child, files.factsAtHand(child));
  }

  async #overwrite(
    opened: Opened,
    place: Place,
    child: Child,
    content: NewContent,
    options: CommitOptions & { readonly expectedBytes: number },
  ): Promise<BaseContent> {
    const { writes } = this.#parts;
    const baseVersion = requireOverwritable(child, opened.now.version);
    const stream = content.stream(options.signal);
    const written = await writes
      .overwrite(place, child, stream, { ...options, baseVersion })
      .finally(() => stream.destroy());
    opened.now = { child: written.child, version: written.version };
    opened.changed = written.changed;
    const { version } = written;
    const facts: FileFacts = {
      sizeBytes: content.sizeBytes,
      etag: undefined,
      mark: undefined,
      ...(version === undefined ? {} : { version }),
    };
    return this.#baseOf(written.child, facts);
  }

  #isSame(a: Version, b: Version): boolean {
    return this.#parts.places.isSame(a.child, b.child) && a.version === b.version;
  }

  #requireBase({ bases }: Opened, current: BaseChild | undefined): void {
    if (!bases.some((base) => this.#parts.places.isSame(base, current))) {
      throw new FsError('conflict', 'the name has got another file since this one was opened', {
        hint: 'what was written is kept by the handle: it can be read from there and written elsewhere',
      });
    }
  }

  /** The blocks that were written are here: who wrote them reads them next. What can't be kept is fetched again. */
  async #keepChanged(child: Child, content: NewContent): Promise<void> {
    const cap = parseCap(child.readCap ?? '');
    if (cap.kind !== 'chk') {
      return;
    }
    const cached = this.#parts.cache.content(identityOf(cap), content.sizeBytes);
    try {
      for await (const [index, block] of content.changedBlocks()) {
        if (!(await cached.has(index))) {
          await cached.write(index, block);
        }
      }
    } catch {
      // The scratch has lost a block since the upload read it: the grid has it.
    }
  }
}

function requireSensible({ access, create, exclusive, truncate, append }: HandleOptions): void {
  if (access === 'read' && (create || exclusive || truncate || append)) {
    throw new FsError('bad-request', 'a file that is opened for reading can not be made, cut or appended to');
  }
  if (exclusive && !create) {
    throw new FsError('bad-request', 'only a file that is to be made can be opened exclusively');
  }
}

function requireFile(child: Child | undefined, path: TreePath): void {
  if (child?.kind === 'directory') {
    throw new FsError('is-directory', `a directory: ${showPath(path)}`);
  }
  if (child && child.kind !== 'file') {
    throw new FsError('denied', `a thing that this gateway does not know how to read: ${showPath(path)}`);
  }
}

/** Returns the version that is to be replaced. */
function requireOverwritable(child: Child, version: string | undefined): string {
  if (child.writeCap === undefined) {
    throw new FsError('read-only', 'the file is mutable, and linked here by its read cap only');
  }
  if (version === undefined) {
    throw new FsError(
      'race',
      'several versions of the mutable file are about: nobody can tell which is changed',
    );
  }
  return version;
}
