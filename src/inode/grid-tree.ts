// The Tree over a grid: paths to inodes, reads from listings, changes as edits that are answered when the grid has
// them. It decides what a change means; the writing is the directory's writer's.
import type { Readable } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { FsError, hasCode } from '../base/errors.ts';
import { KeyedMutex, Limiter } from '../base/limiter.ts';
import type { Logger } from '../base/log.ts';
import { isWithin, lastName, showPath, type TreePath } from '../base/path.ts';
import { SingleFlight } from '../base/single-flight.ts';
import type { BlockCache } from '../cache/block-cache.ts';
import { type Edit, fingerprint, type SeenChild, type WantedChild } from '../edits/edit.ts';
import type { EditStore } from '../edits/edit-store.ts';
import { identityOf, LIT_MAX_BYTES, parseCap, readOnlyText } from '../tahoe/caps.ts';
import type { Child, Grid, GridSpace, UploadBody } from '../tahoe/grid.ts';
import { CacheKeeper } from './cache-keeper.ts';
import { Contents } from './contents.ts';
import { copyOf } from './copy-tree.ts';
import { describeChild, describeRoot, placeIdOf } from './describe.ts';
import { DirTable } from './dir-table.ts';
import { Files, mutableContentHash } from './file-inode.ts';
import { ListingSaver } from './listing-saver.ts';
import type { ListingStore } from './listing-store.ts';
import {
  childrenOf,
  locate,
  type Place,
  rootOf,
  type WalkedDir,
  type Walker,
  type WalkOptions,
  walkTo,
} from './locate.ts';
import type { MutableStore } from './mutable-store.ts';
import type { Pins } from './pins.ts';
import { Slowness } from './slowness.ts';
import type {
  Changed,
  ChangeOptions,
  CopyOptions,
  DirectoryView,
  OpenFile,
  PropertyValues,
  Resource,
  Space,
  Step,
  TransferOptions,
  Tree,
  WriteOptions,
} from './tree.ts';
import { sendBody } from './upload.ts';
import {
  identityOfChild,
  wantedAgain,
  wantedDirectory,
  wantedFile,
  wantedWithMark,
  wantedWithProperties,
} from './wanted.ts';

export interface GridTreeOptions {
  readonly grid: Grid;
  /** Write or read cap of the root directory. */
  readonly rootCap: string;
  readonly edits: EditStore;
  readonly cache: BlockCache;
  /** Where listings outlive the process; undefined where they don't. */
  readonly listings: ListingStore | undefined;
  /** The same for what is known of mutable files. */
  readonly mutables: MutableStore | undefined;
  /** Memory for directories that nobody uses just now. */
  readonly metaBufferBytes: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  readonly dirCacheTimeMs: number;
  readonly retries: number;
  readonly isSoleWriter: boolean;
  readonly isReadOnly: boolean;
}

/** A change rests on listings at most so old, for the way to its directory; the directory itself is always asked. */
const WAY_MAX_AGE_MS = 1_000;
/** Answered changes are looked after in so many directories at once, or a hung grid would leave no call for clients. */
const MAX_LOOKS = 2;
const SPACE_MAX_AGE_MS = 60_000;
/** Mutable files in one listing whose size is asked for: one call each. */
const MAX_MUTABLE_ASKED = 64;

export class GridTree implements Tree {
  readonly contents: Contents;
  readonly #o: GridTreeOptions;
  readonly #dirs: DirTable;
  readonly #walker: Walker;
  readonly #files: Files;
  readonly #making = new KeyedMutex();
  readonly #slowness = new Slowness();
  readonly #saver: ListingSaver;
  readonly #spaceAsked = new SingleFlight<string, GridSpace>();
  #space: { readonly atMs: number; readonly availableBytes: number | undefined } | undefined;

  constructor(options: GridTreeOptions) {
    this.#o = options;
    this.#saver = new ListingSaver(options.clock);
    const shared = { slowness: this.#slowness, looks: new Limiter(MAX_LOOKS), saver: this.#saver };
    this.#dirs = new DirTable({ ...options, ...shared }, options.metaBufferBytes);
    this.contents = new Contents(options);
    this.#files = new Files(
      options.grid,
      this.contents,
      options.mutables,
      options.clock,
      options.dirCacheTimeMs,
    );
    this.#walker = {
      dirs: this.#dirs,
      root: this.#dirs.get(options.rootCap),
      isReadOnly: options.isReadOnly,
    };
  }

  /** What the directories in memory take of it, estimated. */
  get directoryBytes(): number {
    return this.#dirs.bytes;
  }

  /** What operators may ask of the cache behind this tree. */
  cacheKeeper(pins: Pins): CacheKeeper {
    return new CacheKeeper({ ...this.#o, walker: this.#walker, files: this.#files, pins });
  }

  /** Goes on with edits that an earlier process left; resolves when none is left, however long the grid is away. */
  async recover(): Promise<void> {
    const edits = await this.#o.edits.all();
    if (edits.length > 0) {
      this.#o.log.info({ edits: edits.length }, 'going on with changes of an earlier run');
      await this.#dirs.adopt(edits);
    }
  }

  async stop(): Promise<void> {
    await this.#dirs.stop();
    await this.contents.stop();
    await this.#saver.flush();
  }

  async stat(path: TreePath, signal?: AbortSignal): Promise<Resource> {
    if (path.length === 0) {
      return describeRoot(
        rootOf(this.#walker),
        await childrenOf(rootOf(this.#walker), this.#forReading(signal)),
      );
    }
    const place = await this.#locateToRead(path, signal);
    return await this.#describeWhole(place, existing(place, path));
  }

  async list(path: TreePath, signal?: AbortSignal): Promise<DirectoryView> {
    const options = this.#forReading(signal);
    if (path.length === 0) {
      const root = rootOf(this.#walker);
      const children = await childrenOf(root, options);
      return await this.#view(describeRoot(root, children), root, children);
    }
    const place = await this.#locateToRead(path, signal);
    const child = existing(place, path);
    const at = await walkTo(this.#walker, path, options);
    return await this.#view(await this.#describeWhole(place, child), at, await childrenOf(at, options));
  }

  async open(path: TreePath, signal?: AbortSignal): Promise<OpenFile> {
    if (path.length === 0) {
      throw new FsError('is-directory', 'the root is a directory');
    }
    const place = await this.#locateToRead(path, signal);
    const child = existing(place, path);
    if (child.kind === 'directory') {
      throw new FsError('is-directory', `a directory: ${showPath(path)}`);
    }
    const facts = await this.#files.facts(child);
    const resource = describeChild(place.parent, place.name, child, facts);
    const { sizeBytes } = resource;
    if (child.kind !== 'file' || sizeBytes === undefined) {
      throw new FsError('denied', `a thing that this gateway does not know how to read: ${showPath(path)}`);
    }
    return { resource: { ...resource, sizeBytes }, ...this.#files.opened(child, facts) };
  }

  async write(path: TreePath, body: Readable, options: WriteOptions = {}): Promise<Changed> {
    try {
      const place = await this.#locateToChange(path, options);
      const { child } = place;
      if (child?.kind === 'directory') {
        throw new FsError('is-directory', `a directory stands there: ${showPath(path)}`);
      }
      if (child?.kind === 'file' && isMutable(child)) {
        return await this.#overwriteMutable(place, child, body, options);
      }
      options.onAccepted?.();
      const stored = await sendBody(body, { expectedBytes: options.expectedBytes }, (whole) =>
        this.#upload(whole, options.signal),
      );
      const about = {
        sha256: stored.sha256,
        modifiedAtMs: options.modifiedAtMs ?? this.#o.clock.now(),
        contentType: options.contentType,
      };
      return await this.#link(place, options, (current) => {
        if (current?.kind === 'directory') {
          throw new FsError('is-directory', `a directory stands there by now: ${showPath(path)}`);
        }
        return wantedFile(stored.result, about, current);
      });
    } catch (error) {
      body.destroy();
      throw error;
    }
  }

  /** A small file is kept here, too: who wrote it reads it next. */
  async #upload(body: UploadBody, signal: AbortSignal | undefined): Promise<string> {
    const cap = await this.#o.grid.upload(body, signal);
    if ('bytes' in body && body.bytes.length > LIT_MAX_BYTES) {
      this.contents.keepSoon(identityOf(parseCap(cap)), body.bytes);
    }
    return cap;
  }

  async makeDirectory(path: TreePath, options: ChangeOptions = {}): Promise<Changed> {
    const mustBeFree = (current: Child | undefined): void => {
      if (current) {
        throw new FsError('exists', `there already is something: ${showPath(path)}`);
      }
    };
    if (path.length === 0) {
      throw new FsError('exists', 'the root is there already');
    }
    const asked = await this.#locateToChange(path, options);
    mustBeFree(asked.child);
    // Clients that copy trees ask for one directory many times at once: one is made, the others find it. A dirnode
    // that is made for nothing costs the node a key pair, 15 to 140 ms of its one thread.
    using _turn = await this.#making.take(`${asked.parent.dir.dirId}/${asked.name}`, options.signal);
    const place = await this.#locateToChange(path, options);
    mustBeFree(place.child);
    const writeCap = await this.#o.grid.makeDirectory(new Map(), options.signal);
    const want = wantedDirectory(writeCap, readOnlyText(parseCap(writeCap)), this.#o.clock.now());
    return await this.#link(place, options, (current) => {
      mustBeFree(current);
      return want;
    });
  }

  async remove(path: TreePath, options: ChangeOptions = {}): Promise<void> {
    const place = await this.#locateToChange(path, options);
    existing(place, path);
    await place.parent.dir.writer.change(
      {
        names: [place.name],
        decide: (state) => {
          const current = state.get(place.name);
          if (!current) {
            throw new FsError('not-found', `nothing there any more: ${showPath(path)}`);
          }
          this.#guardAgain(place, current, options);
          return { wants: [{ name: place.name, want: undefined }] };
        },
      },
      options.signal,
    );
  }

  async move(from: TreePath, to: TreePath, options: TransferOptions): Promise<Changed> {
    const { source, child, target } = await this.#ends(from, to, options, true);
    if (source.parent.dir === target.parent.dir) {
      return await this.#moveWithin(source, child, target, options);
    }
    const { dirId, dirWriteCap } = source.parent.dir;
    const unlink: Edit = {
      dirId,
      dirWriteCap,
      name: source.name,
      want: undefined,
      bases: [fingerprint(child)],
      after: { dirId: target.parent.dir.dirId, name: target.name },
    };
    const want = wantedAgain(child);
    const { writer } = source.parent.dir;
    const changed = await this.#link(target, options, () => want, {
      edits: [unlink],
      doneAfterAll: () => writer.owe([unlink]),
    });
    await writer.change({
      names: [source.name],
      owed: [unlink],
      decide: (state) => {
        const current = state.get(source.name);
        // Somebody put another thing there meanwhile: that one isn't ours to remove.
        const isStill = current !== undefined && fingerprint(current) === fingerprint(child);
        return { wants: isStill ? [{ name: source.name, want: undefined }] : [] };
      },
    });
    return changed;
  }

  async copy(from: TreePath, to: TreePath, options: CopyOptions): Promise<Changed> {
    const { source, child, target } = await this.#ends(from, to, options, false);
    const context = {
      walker: this.#walker,
      grid: this.#o.grid,
      files: this.#files,
      clock: this.#o.clock,
      walk: this.#forReading(options.signal),
    };
    const want = await copyOf(context, source.parent, source.name, child, options.isShallow ?? false);
    return await this.#link(target, options, () => want);
  }

  async #moveWithin(source: Place, child: Child, target: Place, options: TransferOptions): Promise<Changed> {
    const want = wantedAgain(child);
    let isNew = true;
    await target.parent.dir.writer.change(
      {
        names: [source.name, target.name],
        decide: (state) => {
          const now = state.get(source.name);
          if (!now || fingerprint(now) !== fingerprint(child)) {
            throw new FsError('conflict', 'the thing to move was changed by somebody else just now');
          }
          const current = state.get(target.name);
          this.#mayReplace(target, current, options);
          isNew = current === undefined;
          return {
            wants: [
              { name: target.name, want },
              { name: source.name, want: undefined },
            ],
          };
        },
      },
      options.signal,
    );
    return { isNew, resource: this.#describe(target, want) };
  }

  /** Links what `decide` wants at `place`, after the guard; answers when the grid has it. */
  async #link(
    place: Place,
    options: ChangeOptions & { readonly overwrite?: boolean },
    decide: (current: SeenChild | undefined) => WantedChild,
    otherHalf?: { readonly edits: readonly Edit[]; readonly doneAfterAll: () => Promise<void> },
  ): Promise<Changed> {
    let isNew = true;
    let want: WantedChild | undefined;
    await place.parent.dir.writer.change(
      {
        names: [place.name],
        decide: (state) => {
          const current = state.get(place.name);
          this.#mayReplace(place, current, options);
          isNew = current === undefined;
          want = decide(current);
          return { wants: [{ name: place.name, want }], companions: otherHalf?.edits ?? [] };
        },
        ...(otherHalf ? { doneAfterAll: otherHalf.doneAfterAll } : {}),
      },
      options.signal,
    );
    if (!want) {
      throw new Error('internal: a change was answered that was never decided');
    }
    return { isNew, resource: this.#describe(place, want) };
  }

  /** The last word before a name is written: what stands there now may not be what was looked at first. */
  #mayReplace(
    place: Place,
    current: SeenChild | undefined,
    options: ChangeOptions & { readonly overwrite?: boolean },
  ): void {
    if (options.overwrite === false && current) {
      throw new FsError('exists', 'something stands at the target, and it was not to be replaced');
    }
    this.#guardAgain(place, current, options);
  }

  #guardAgain(place: Place, current: SeenChild | undefined, { guard, lastWord }: ChangeOptions): void {
    const isSame =
      current === undefined
        ? place.child === undefined
        : place.child !== undefined && fingerprint(current) === fingerprint(place.child);
    if (!isSame) {
      guard?.(current && this.#describe(place, current));
    }
    lastWord?.();
  }

  async setProperties(
    path: TreePath,
    decide: (current: Resource) => PropertyValues,
    options: ChangeOptions = {},
  ): Promise<Resource> {
    const place = await this.#locateToChange(path, options, true);
    await this.#files.facts(existing(place, path)); // so that the version of a mutable file is at hand
    let want: WantedChild | undefined;
    await place.parent.dir.writer.change(
      {
        names: [place.name],
        decide: (state) => {
          const current = state.get(place.name);
          if (!current) {
            throw new FsError('not-found', `nothing there any more: ${showPath(path)}`);
          }
          this.#guardAgain(place, current, options);
          const facts = this.#files.factsAtHand(current);
          let isChange = false;
          want = wantedWithProperties(current, facts, (mark) => {
            const values = decide(describeChild(place.parent, place.name, current, { ...facts, mark }));
            isChange = Object.keys(values).length > 0;
            return values;
          });
          return { wants: isChange ? [{ name: place.name, want }] : [] };
        },
      },
      options.signal,
    );
    return await this.#describeWhole(place, want ?? existing(place, path));
  }

  async trace(path: TreePath, signal?: AbortSignal): Promise<readonly Step[]> {
    const root = rootOf(this.#walker);
    const steps: Step[] = [{ placeId: root.dir.dirId, dirId: root.dir.dirId }];
    for (let length = 1; length <= path.length; length += 1) {
      const place = await locate(this.#walker, path.slice(0, length), this.#forReading(signal));
      const isDirectory = place.child?.kind === 'directory';
      steps.push({
        placeId: placeIdOf(place.parent, place.name),
        dirId: isDirectory && place.child ? identityOfChild(place.child) : undefined,
      });
      if (!isDirectory && length < path.length) {
        throw new FsError('parent-missing', `no such directory: ${showPath(path.slice(0, length))}`);
      }
    }
    return steps;
  }

  async space(signal?: AbortSignal): Promise<Space> {
    const now = this.#o.clock.monotonicMs();
    if (!this.#space || now - this.#space.atMs > SPACE_MAX_AGE_MS) {
      const { availableBytes } = await this.#spaceAsked.run('space', () => this.#o.grid.space(signal));
      this.#space = { atMs: now, availableBytes };
    }
    return { availableBytes: this.#space.availableBytes, usedBytes: undefined };
  }

  async #overwriteMutable(
    place: Place,
    child: Child,
    body: Readable,
    options: WriteOptions,
  ): Promise<Changed> {
    const { writeCap } = child;
    if (writeCap === undefined) {
      throw new FsError('read-only', 'the file is mutable, and linked here by its read cap only');
    }
    options.onAccepted?.();
    const before = await this.#files.version(writeCap);
    const beforeEnd = async (): Promise<void> => {
      if (options.guard && (await this.#files.version(writeCap)) !== before) {
        this.#files.forget(writeCap);
        options.guard(await this.#describeWhole(place, child));
      }
      options.lastWord?.();
    };
    const stored = await sendBody(body, { expectedBytes: options.expectedBytes, beforeEnd }, (whole) =>
      this.#o.grid.overwrite(writeCap, whole, options.signal),
    ).finally(() => this.#files.forget(writeCap));
    // A write inside a mutable file leaves its edge as it was: our mark is what dates the new version.
    const version = await this.#files.version(writeCap);
    const mark = {
      c: mutableContentHash(child, version),
      h: stored.sha256,
      m: options.modifiedAtMs ?? this.#o.clock.now(),
      ...(options.contentType === undefined ? {} : { y: options.contentType }),
    };
    let want = wantedWithMark(child, mark);
    await place.parent.dir.writer
      .change({
        names: [place.name],
        decide: (state) => {
          const current = state.get(place.name);
          if (!current || fingerprint(current) !== fingerprint(child)) {
            return { wants: [] };
          }
          want = wantedWithMark(current, mark);
          return { wants: [{ name: place.name, want }] };
        },
      })
      .catch((error: unknown) => {
        // The bytes are safe in the file itself; what is missing is its date.
        this.#o.log.warn({ err: error }, 'a mutable file was written, its modification time could not be');
      });
    return { isNew: false, resource: await this.#describeWhole({ ...place, child: want }, want) };
  }

  /** Both ends of a COPY or MOVE, looked at and allowed so far. */
  async #ends(
    from: TreePath,
    to: TreePath,
    options: TransferOptions,
    isMove: boolean,
  ): Promise<{ source: Place; child: Child; target: Place }> {
    if (from.length === 0 || to.length === 0) {
      throw new FsError('denied', 'the root can not be moved, copied or replaced');
    }
    if (isWithin(to, from) || isWithin(from, to)) {
      throw new FsError('denied', 'source and target are the same, or one lies inside the other');
    }
    const source = isMove
      ? await this.#locateToChange(
          from,
          { ...options, guard: options.sourceGuard ?? (() => undefined) },
          true,
        )
      : await this.#locateToRead(from, options.signal);
    const child = existing(source, from);
    if (!isMove) {
      options.sourceGuard?.(await this.#describeWhole(source, child));
    }
    const target = await this.#locateToChange(to, options);
    if (target.child && !options.overwrite) {
      throw new FsError('exists', `something stands at the target: ${showPath(to)}`);
    }
    this.#refuseNesting(source, child, target);
    return { source, child, target };
  }

  /** Paths are no proof in a tree where one dirnode may stand at several places: compare what they lead to. */
  #refuseNesting(source: Place, child: Child, target: Place): void {
    const moved = child.kind === 'directory' ? identityOfChild(child) : undefined;
    const isIntoItself = moved !== undefined && target.parent.trail.has(moved);
    const replaced = target.child?.kind === 'directory' ? identityOfChild(target.child) : undefined;
    const takesSourceAway = replaced !== undefined && source.parent.trail.has(replaced);
    const isSamePlace = source.parent.dir === target.parent.dir && source.name === target.name;
    if (isIntoItself || takesSourceAway || isSamePlace) {
      throw new FsError('denied', 'source and target are the same, or one lies inside the other');
    }
  }

  async #locateToRead(path: TreePath, signal: AbortSignal | undefined): Promise<Place> {
    try {
      return await locate(this.#walker, path, this.#forReading(signal));
    } catch (error) {
      throw hasCode(error, 'not-directory')
        ? new FsError('not-found', error.message, { cause: error })
        : error;
    }
  }

  /**
   * As it must be for a change: way proved, right to write, guard asked. What stands at the name itself is looked at
   * as a reader would: its directory's writer looks again before it writes. Only the source of a move, whose child
   * goes elsewhere before that, is looked at anew.
   */
  async #locateToChange(path: TreePath, options: ChangeOptions, isSource = false): Promise<Place> {
    const way: WalkOptions = {
      maxAgeMs: this.#o.isSoleWriter ? this.#o.dirCacheTimeMs : WAY_MAX_AGE_MS,
      isStrict: true,
      signal: options.signal,
    };
    const find = async (): Promise<Place> => {
      const isStrict = isSource || this.#slowness.isSuspected(this.#o.clock);
      const place = await locate(this.#walker, path, way, isStrict ? way : this.#forReading(options.signal));
      // A grid that does not answer is found out here, not by 75 s of waiting for what is done with a whole body.
      return !isStrict && this.#slowness.isSuspected(this.#o.clock)
        ? await locate(this.#walker, path, way)
        : place;
    };
    const place = await find().catch((error: unknown) => {
      const code = isSource ? 'not-found' : 'parent-missing';
      throw hasCode(error, 'not-found') ? new FsError(code, error.message, { cause: error }) : error;
    });
    if (place.parent.isLoop) {
      throw new FsError('denied', 'the directory contains itself; it can be changed at its first place only');
    }
    if (!place.parent.isWritable) {
      throw new FsError('read-only', `can only be read: ${showPath(path)}`);
    }
    options.guard?.(place.child && (await this.#describeWhole(place, place.child)));
    return place;
  }

  #forReading(signal: AbortSignal | undefined): WalkOptions {
    return { maxAgeMs: this.#o.dirCacheTimeMs, isStrict: false, signal };
  }

  #describe(place: Place, child: Child): Resource {
    return describeChild(place.parent, place.name, child, this.#files.factsAtHand(child));
  }

  async #describeWhole(place: Place, child: Child): Promise<Resource> {
    return describeChild(place.parent, place.name, child, await this.#files.facts(child));
  }

  async #view(self: Resource, at: WalkedDir, children: ReadonlyMap<string, Child>): Promise<DirectoryView> {
    await this.#askMutableSizes(children);
    const files = this.#files;
    return {
      self,
      childCount: children.size,
      *children() {
        for (const [name, child] of children) {
          yield describeChild(at, name, child, files.factsAtHand(child));
        }
      },
    };
  }

  async #askMutableSizes(children: ReadonlyMap<string, Child>): Promise<void> {
    const asked: Child[] = [];
    for (const child of children.values()) {
      if (child.kind === 'file' && isMutable(child) && asked.length < MAX_MUTABLE_ASKED) {
        asked.push(child);
      }
    }
    await Promise.all(
      asked.map((child) =>
        this.#files.facts(child).catch((error: unknown) => {
          // One file that can't be asked is listed without a size; it must not hide the others.
          this.#o.log.debug({ err: error }, 'the size of a mutable file could not be asked');
        }),
      ),
    );
  }
}

function existing(place: Place, path: TreePath): Child {
  if (!place.child) {
    throw new FsError('not-found', `not found: ${showPath([...place.parent.path, lastName(path) ?? ''])}`);
  }
  return place.child;
}

const MAYBE_MUTABLE = /^(?:ro\.|imm\.)?URI:(?:SSK|MDMF|DIR2)/;

function isMutable(child: Child): boolean {
  const cap = child.writeCap ?? child.readCap;
  // Taking a cap apart takes 5 us, and this is asked of each of thousands in one go.
  return cap !== undefined && MAYBE_MUTABLE.test(cap) && parseCap(cap).kind === 'mutable';
}
