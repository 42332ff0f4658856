// The Tree over a grid: paths to inodes, reads from listings, changes as edits that are answered when the grid has
// them. It decides what a change means; the writing is the directory's writer's.
import type { Readable } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { FsError, hasCode } from '../base/errors.ts';
import { KeyedMutex, Limiter } from '../base/limiter.ts';
import { KEEP_LITTER, type LitterRules, litterOn } from '../base/litter.ts';
import type { Logger } from '../base/log.ts';
import { isWithin, showPath, type TreePath } from '../base/path.ts';
import { SingleFlight } from '../base/single-flight.ts';
import type { BlockCache } from '../cache/block-cache.ts';
import type { ScratchSpace } from '../cache/scratch-space.ts';
import type { EditStore } from '../edits/edit-store.ts';
import type { Landed } from '../edits/landed.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import type { Stands } from '../edits/stands.ts';
import { isLocalText } from '../tahoe/caps.ts';
import type { Child, Grid, GridSpace } from '../tahoe/grid.ts';
import { copyBetween, moveBetween, type TreeParts } from './between-trees.ts';
import { CacheKeeper } from './cache-keeper.ts';
import { type Changer, writeThrough } from './changer.ts';
import { Contents } from './contents.ts';
import { describeChild, describeRoot, placeIdOf } from './describe.ts';
import type { DirInode } from './dir-inode.ts';
import { DirTable } from './dir-table.ts';
import { DirectoryViews } from './directory-views.ts';
import { type FileFacts, Files } from './file-inode.ts';
import { FileWrites } from './file-writes.ts';
import { Linker } from './linker.ts';
import { ListingSaver } from './listing-saver.ts';
import type { ListingStore } from './listing-store.ts';
import { LitterChanges } from './litter-changes.ts';
import { LitterMaker } from './litter-maker.ts';
import { LocalChanges } from './local-changes.ts';
import { type LocalBytes, LocalFiles } from './local-files.ts';
import { childrenOf, locate, type Place, rootOf, type Walker, walkTo } from './locate.ts';
import { type BodyStore, GridMaker, LocalMaker, type Maker } from './maker.ts';
import type { MutableStore } from './mutable-store.ts';
import { refuseNestedPaths } from './nesting.ts';
import { OpenHandles } from './open-handles.ts';
import { PartWrites } from './part-writes.ts';
import type { Pins } from './pins.ts';
import { existing, Places } from './places.ts';
import { type BesideName, relink } from './relink.ts';
import { setProperties } from './set-properties.ts';
import { Slowness } from './slowness.ts';
import { Transfers } from './transfers.ts';
import type {
  Changed,
  ChangeOptions,
  CopyOptions,
  DirectoryView,
  FileHandle,
  HandleOptions,
  OpenFile,
  PropertyValues,
  ReceivingTree,
  Resource,
  SourceRights,
  Space,
  Step,
  TransferOptions,
  Tree,
  WriteOptions,
} from './tree.ts';
import { wantedDirectory } from './wanted.ts';

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
  /** For changed blocks of open files. */
  readonly scratch: ScratchSpace;
  /** Memory for directories that nobody uses just now. */
  readonly metaBufferBytes: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  readonly dirCacheTimeMs: number;
  readonly retries: number;
  readonly isSoleWriter: boolean;
  readonly isReadOnly: boolean;
  /** With what every change is refused at first, where one could not be kept safely. */
  readonly writeRefusal?: FsError | undefined;
  /** What becomes of files that nobody asked for; what may not be made at all is refused by others before. */
  readonly litter?: LitterRules;
  /** For changes that are answered before the grid has them; undefined = they are written through. */
  readonly local?: LocalParts | undefined;
}

/** What keeps changes that the grid has not yet. */
export interface LocalParts {
  /** All but the litter that stays here is written through. */
  readonly isForLitterAlone?: boolean;
  readonly pending: PendingEdits;
  readonly landed: Landed;
  readonly stands: Stands;
  readonly bodies: BodyStore & LocalBytes;
  /** For directories that are made here. */
  readonly newId: () => string;
}

/** Answered changes are looked after in so many directories at once, or a hung grid would leave no call for clients. */
const MAX_LOOKS = 2;
const SPACE_MAX_AGE_MS = 60_000;

export class GridTree implements ReceivingTree {
  readonly contents: Contents;
  readonly #o: GridTreeOptions;
  readonly #dirs: DirTable;
  readonly #walker: Walker;
  readonly #files: Files;
  readonly #places: Places;
  readonly #linker: Linker;
  readonly #changer: Changer;
  readonly #localChanges: LocalChanges | undefined;
  readonly #maker: Maker;
  readonly #transfers: Transfers;
  readonly #between: TreeParts;
  readonly #writes: FileWrites;
  readonly #handles: OpenHandles;
  readonly #partWrites: PartWrites;
  readonly #views: DirectoryViews;
  readonly #making = new KeyedMutex();
  readonly #slowness = new Slowness();
  readonly #saver: ListingSaver;
  readonly #spaceAsked = new SingleFlight<string, GridSpace>();
  #writeRefusal: FsError | undefined;
  #space: { readonly atMs: number; readonly availableBytes: number | undefined } | undefined;

  constructor(options: GridTreeOptions) {
    this.#o = options;
    this.#saver = new ListingSaver(options.clock);
    const { local, litter = KEEP_LITTER } = options;
    const { pending, landed } = local ?? { pending: undefined, landed: undefined };
    const shared = {
      slowness: this.#slowness,
      looks: new Limiter(MAX_LOOKS),
      saver: this.#saver,
      pending,
      landed,
    };
    this.#dirs = new DirTable({ ...options, ...shared }, options.metaBufferBytes);
    this.contents = new Contents(options);
    const localFiles = local && new LocalFiles(local.bodies, local.landed, this.contents);
    this.#files = new Files(
      options.grid,
      this.contents,
      options.mutables,
      localFiles,
      options.clock,
      options.dirCacheTimeMs,
    );
    this.#walker = {
      dirs: this.#dirs,
      root: this.#dirs.get(options.rootCap),
      isReadOnly: options.isReadOnly,
    };
    const parts = { ...options, litter, walker: this.#walker, files: this.#files, slowness: this.#slowness };
    const { clock } = options;
    this.#localChanges =
      local &&
      localFiles &&
      new LocalChanges({ ...local, litter, localFiles, dirs: this.#dirs, rootId: this.root.dirId, clock });
    const { changer, maker } = this.#waysOfChange(litter);
    this.#changer = changer;
    this.#maker = maker;
    this.#writeRefusal = options.writeRefusal;
    const isLater = (path: TreePath): boolean =>
      local !== undefined && (!local.isForLitterAlone || litterOn(path, litter) !== undefined);
    this.#places = new Places({ ...parts, landed, isLater, refusal: () => this.#writeRefusal });
    this.#linker = new Linker(this.#places, changer);
    this.#transfers = new Transfers({ ...parts, changer, maker }, this.#places, this.#linker);
    this.#between = { ...parts, changer, maker, places: this.#places, linker: this.#linker };
    this.#writes = new FileWrites({ ...parts, changer, maker, places: this.#places, linker: this.#linker });
    this.#handles = new OpenHandles({ ...parts, places: this.#places, writes: this.#writes });
    this.#partWrites = new PartWrites({ handles: this.#handles, places: this.#places, maker });
    this.#views = new DirectoryViews(this.#files, options.log);
  }

  /** Who takes changes, and where new things come into being. */
  #waysOfChange(litter: LitterRules): { readonly changer: Changer; readonly maker: Maker } {
    const { local, grid } = this.#o;
    const atGrid = new GridMaker(grid, this.contents);
    const changes = this.#localChanges;
    if (local === undefined || changes === undefined) {
      return { changer: writeThrough, maker: atGrid };
    }
    const here = new LocalMaker(local.bodies, changes, local.newId);
    return local.isForLitterAlone
      ? {
          changer: new LitterChanges({ local: changes, pending: local.pending, litter }),
          maker: new LitterMaker(here, atGrid, litter),
        }
      : { changer: changes, maker: here };
  }

  /** The directories, for who brings pending edits to the grid. */
  get directories(): DirTable {
    return this.#dirs;
  }

  get root(): DirInode {
    return this.#walker.root;
  }

  /** What the directories in memory take of it, estimated. */
  get directoryBytes(): number {
    return this.#dirs.bytes;
  }

  /** With what every change is refused just now. */
  get writeRefusal(): FsError | undefined {
    return this.#writeRefusal;
  }

  /** From now on every change is refused with this; undefined = none. */
  refuseWrites(refusal: FsError | undefined): void {
    this.#writeRefusal = refusal;
  }

  /** What operators may ask of the cache behind this tree. */
  cacheKeeper(pins: Pins): CacheKeeper {
    return new CacheKeeper({ ...this.#o, walker: this.#walker, files: this.#files, pins });
  }

  /**
   * Goes on with edits that an earlier process left; resolves when none is left, however long the grid is away. To be
   * called before any change.
   */
  async recover(): Promise<void> {
    await this.#localChanges?.dropNeverLinked();
    const edits = await this.#o.edits.all();
    if (edits.length > 0) {
      this.#o.log.info({ edits: edits.length }, 'going on with changes of an earlier run');
      await this.#dirs.adopt(edits);
    }
  }

  async stop(): Promise<void> {
    await this.#dirs.stop();
    // A commit that runs may wait for a download.
    await Promise.all([this.#handles.stop(), this.contents.stop()]);
    await this.#saver.flush();
  }

  async stat(path: TreePath, signal?: AbortSignal): Promise<Resource> {
    if (path.length === 0) {
      return describeRoot(
        rootOf(this.#walker),
        await childrenOf(rootOf(this.#walker), this.#places.forReading(signal)),
      );
    }
    const place = await this.#places.toRead(path, signal);
    return await this.#places.describeWhole(place, existing(place, path));
  }

  async list(path: TreePath, signal?: AbortSignal): Promise<DirectoryView> {
    const options = this.#places.forReading(signal);
    if (path.length === 0) {
      const root = rootOf(this.#walker);
      const children = await childrenOf(root, options);
      return await this.#views.view(describeRoot(root, children), root, children);
    }
    const place = await this.#places.toRead(path, signal);
    const child = existing(place, path);
    const at = await walkTo(this.#walker, path, options);
    return await this.#views.view(
      await this.#places.describeWhole(place, child),
      at,
      await childrenOf(at, options),
    );
  }

  async open(path: TreePath, signal?: AbortSignal): Promise<OpenFile> {
    if (path.length === 0) {
      throw new FsError('is-directory', 'the root is a directory');
    }
    const place = await this.#places.toRead(path, signal);
    const child = existing(place, path);
    if (child.kind === 'directory') {
      throw new FsError('is-directory', `a directory: ${showPath(path)}`);
    }
    const opened = this.#opened(place, child, await this.#files.facts(child));
    if (opened === undefined) {
      throw new FsError('denied', `a thing that this gateway does not know how to read: ${showPath(path)}`);
    }
    return opened;
  }

  openAtHand(path: TreePath): OpenFile | undefined {
    const place = this.#places.atHand(path);
    return place?.child && this.#opened(place, place.child, this.#files.factsAtHand(place.child));
  }

  #opened(place: Place, child: Child, facts: FileFacts): OpenFile | undefined {
    const resource = describeChild(place.parent, place.name, child, facts);
    const { sizeBytes } = resource;
    return child.kind === 'file' && sizeBytes !== undefined
      ? { resource: { ...resource, sizeBytes }, ...this.#files.opened(child, facts) }
      : undefined;
  }

  async openHandle(path: TreePath, options: HandleOptions): Promise<FileHandle> {
    return await this.#handles.open(path, options);
  }

  async write(path: TreePath, body: Readable, options: WriteOptions = {}): Promise<Changed> {
    const { partStart } = options;
    return partStart === undefined
      ? await this.#writes.write(path, body, options)
      : await this.#partWrites.write(path, body, { ...options, partStart });
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
    const asked = await this.#places.toChange(path, options);
    mustBeFree(asked.child);
    // Clients that copy trees ask for one directory many times at once: one is made, the others find it. A dirnode
    // that is made for nothing costs the node a key pair, 15 to 140 ms of its one thread.
    using _turn = await this.#making.take(`${asked.parent.dir.dirId}/${asked.name}`, options.signal);
    const place = await this.#places.toChange(path, options);
    mustBeFree(place.child);
    const staysHere = litterOn([...place.parent.path, place.name], this.#between.litter);
    const { writeCap, readCap } = await this.#maker.directory(new Map(), options.signal, staysHere);
    const want = wantedDirectory(writeCap, readCap, this.#o.clock.now());
    return await this.#linker.link(place, options, (current) => {
      mustBeFree(current);
      return want;
    });
  }

  async remove(path: TreePath, options: ChangeOptions = {}): Promise<void> {
    const place = await this.#places.toChange(path, options);
    existing(place, path);
    await this.#changer.change(
      place.parent,
      {
        names: [place.name],
        decide: (state) => {
          const current = state.get(place.name);
          if (!current) {
            throw new FsError('not-found', `nothing there any more: ${showPath(path)}`);
          }
          this.#linker.guardAgain(place, current, options);
          return { wants: [{ name: place.name, want: undefined }] };
        },
      },
      options.signal,
    );
  }

  async setProperties(
    path: TreePath,
    decide: (current: Resource) => PropertyValues,
    options: ChangeOptions = {},
  ): Promise<Resource> {
    const parts = { places: this.#places, linker: this.#linker, files: this.#files, changer: this.#changer };
    return await setProperties(parts, path, decide, options);
  }

  async move(from: TreePath, to: TreePath, options: TransferOptions): Promise<Changed> {
    if (await this.#isBetweenHereAndGrid(from, to, options.signal)) {
      refuseNestedPaths(from, to);
      return await moveBetween(this.#between, this.#between, from, to, options);
    }
    return await this.#transfers.move(from, to, options);
  }

  /** What stays here and what the grid has are moved to each other's places as from one tree to another. */
  async #isBetweenHereAndGrid(from: TreePath, to: TreePath, signal?: AbortSignal): Promise<boolean> {
    const { litter } = this.#between;
    const [isFromLitter, isToLitter] = [from, to].map((path) => litterOn(path, litter) !== undefined);
    if (this.#localChanges === undefined || (!isFromLitter && !isToLitter)) {
      return false;
    }
    const child = isWithin(to, from) ? undefined : await this.#childAt(from, signal);
    const stays = isFromLitter && isLocalText(child?.readCap);
    return child !== undefined && stays !== isToLitter;
  }

  /** What stands there; undefined where no way leads there, too. */
  async #childAt(path: TreePath, signal?: AbortSignal): Promise<Child | undefined> {
    try {
      return (await this.#places.toRead(path, signal)).child;
    } catch (error) {
      if (hasCode(error, 'not-found')) {
        return undefined;
      }
      throw error;
    }
  }

  async copy(from: TreePath, to: TreePath, options: CopyOptions): Promise<Changed> {
    return await this.#transfers.copy(from, to, options);
  }

  async copyFrom(
    source: Tree,
    from: TreePath,
    to: TreePath,
    options: CopyOptions & SourceRights,
  ): Promise<Changed> {
    return await copyBetween(GridTree.#partsOf(source), this.#between, from, to, options);
  }

  async moveFrom(source: Tree, from: TreePath, to: TreePath, options: TransferOptions): Promise<Changed> {
    return await moveBetween(GridTree.#partsOf(source), this.#between, from, to, options);
  }

  /** Between two trees over a grid, for copies. */
  static #partsOf(tree: Tree): TreeParts {
    if (!(tree instanceof GridTree)) {
      throw new FsError('denied', 'nothing can be copied from there by the server');
    }
    return tree.#between;
  }

  /** Links what stands nowhere; where it stands then. As relink.ts says. */
  async relink(path: TreePath, child: Child, beside: BesideName): Promise<TreePath> {
    return await relink({ tree: this, places: this.#places, linker: this.#linker }, path, child, beside);
  }

  /** The id by which other trees know a directory that was made here, and the other way; undefined where it has one. */
  otherIdOf(dirId: string): string | undefined {
    return this.#o.local?.landed.otherIdOf(dirId);
  }

  async trace(path: TreePath, signal?: AbortSignal): Promise<readonly Step[]> {
    const root = rootOf(this.#walker);
    const steps: Step[] = [{ placeId: root.dir.dirId, dirId: root.dir.dirId }];
    for (let length = 1; length <= path.length; length += 1) {
      const place = await locate(this.#walker, path.slice(0, length), this.#places.forReading(signal));
      const { child } = place;
      const isDirectory = child?.kind === 'directory';
      const dir = isDirectory && this.#dirs.idOfChild(child) ? this.#dirs.ofChild(child) : undefined;
      const parentGridId = this.#dirs.gridIdOf(place.parent.dir);
      const gridId = dir && this.#dirs.gridIdOf(dir);
      steps.push({
        placeId: placeIdOf(place.parent, place.name),
        dirId: dir?.dirId,
        aliases: [
          ...(parentGridId === undefined ? [] : [`${parentGridId}/${place.name}`]),
          ...(gridId === undefined ? [] : [gridId]),
        ],
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
}
