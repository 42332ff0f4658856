// An honest Tree in memory: keeps every promise of src/inode/tree.ts but durability. Beyond it, tests can put things there
// that no client can make (odd names, loops, unknown nodes), and make chosen calls fail or wait.
import type { Readable } from 'node:stream';
import { Readable as ReadableStream } from 'node:stream';
import { type ErrorCode, FsError } from '../../src/base/errors.ts';
import { isWithin, normalName, type TreePath } from '../../src/base/path.ts';
import type { ByteRange } from '../../src/base/ranges.ts';
import type {
  Changed,
  ChangeOptions,
  Checksums,
  CopyOptions,
  DeadProperty,
  DirectoryView,
  FileHandle,
  HandleOptions,
  OpenFile,
  PropertyValues,
  Resource,
  Space,
  Step,
  TransferOptions,
  Tree,
  WriteOptions,
} from '../../src/inode/tree.ts';
import { sha256 } from '../../src/seal/hash.ts';
import { MemoryHandle, type OpenBytes } from './memory-handles.ts';

interface Common {
  inodeId: string;
  modifiedAtMs: number;
  createdAtMs: number;
  isWritable: boolean;
  deadProperties: readonly DeadProperty[];
}
interface FileNode extends Common {
  kind: 'file';
  bytes: Buffer;
  etag: string;
  contentType: string | undefined;
  checksums?: Checksums | undefined;
}
interface DirectoryNode extends Common {
  kind: 'directory';
  children: Map<string, Node>;
}
interface UnknownNode extends Common {
  kind: 'unknown';
}
type Node = FileNode | DirectoryNode | UnknownNode;

type Operation =
  | 'stat'
  | 'list'
  | 'open'
  | 'openHandle'
  | 'commit'
  | 'read'
  | 'write'
  | 'makeDirectory'
  | 'remove'
  | 'move'
  | 'copy'
  | 'setProperties';

export class MemoryTree implements Tree {
  readonly #now: () => number;
  readonly #root: DirectoryNode;
  readonly #opened = new Map<string, { node: FileNode | undefined; readonly file: OpenBytes }>();
  #inodes = 0;
  /** Called before each operation; throws or waits as a test wants. */
  before: (operation: Operation, path: TreePath) => void | Promise<void> = () => undefined;
  /** Bytes per piece of what `read` gives. */
  pieceBytes: number = 64 * 1024;
  /** Calls so far, `stat /a/b`. */
  readonly calls: string[] = [];
  /** Streams given out by `read` that have neither ended nor been destroyed. */
  openReads = 0;

  constructor(now: () => number = Date.now) {
    this.#now = now;
    this.#root = this.#directory();
  }

  // What tests put there.

  /** Makes a file and the directories above it, whatever the names. */
  addFile(path: TreePath, content: string | Buffer = '', options: Partial<FileNode> = {}): void {
    const { directory, name } = this.#place(path);
    directory.children.set(name, { ...this.#file(Buffer.from(content as string)), ...options });
  }

  addDirectory(path: TreePath, options: Partial<Common> = {}): void {
    const { directory, name } = this.#place(path);
    directory.children.set(name, { ...this.#directory(), ...options });
  }

  addUnknown(path: TreePath): void {
    const { directory, name } = this.#place(path);
    directory.children.set(name, { ...this.#common(), kind: 'unknown' });
  }

  /** Makes `path` another name of what `target` names: a loop, when that lies above it. */
  link(path: TreePath, target: TreePath): void {
    const { directory, name } = this.#place(path);
    const node = this.#find(target);
    if (node === undefined) {
      throw new Error(`nothing at ${target.join('/')}`);
    }
    directory.children.set(name, node);
  }

  /** All files as `a/b`: content. Loops are not followed. */
  files(): Record<string, string> {
    const found: Record<string, string> = {};
    const visit = (node: Node, path: string, above: readonly Node[]): void => {
      if (node.kind === 'file') {
        found[path] = node.bytes.toString('utf8');
      } else if (node.kind === 'directory' && !above.includes(node)) {
        for (const [name, child] of node.children) {
          visit(child, path === '' ? name : `${path}/${name}`, [...above, node]);
        }
      }
    };
    visit(this.#root, '', []);
    return found;
  }

  has(path: TreePath): boolean {
    return this.#find(path) !== undefined;
  }

  // Tree.

  async stat(path: TreePath): Promise<Resource> {
    await this.#begin('stat', path);
    return this.#resource(this.#require(path), path);
  }

  async list(path: TreePath): Promise<DirectoryView> {
    await this.#begin('list', path);
    const node = this.#require(path);
    if (node.kind !== 'directory') {
      throw new FsError('not-directory', 'this is no directory');
    }
    const children = [...node.children].sort(([a], [b]) => (a < b ? -1 : 1));
    const describe = (name: string, child: Node): Resource => this.#resource(child, [name], node.inodeId);
    return {
      self: this.#resource(node, path),
      childCount: children.length,
      *children() {
        for (const [name, child] of children) {
          yield describe(name, child);
        }
      },
    };
  }

  openAtHand(): OpenFile | undefined {
    return undefined;
  }

  async open(path: TreePath): Promise<OpenFile> {
    await this.#begin('open', path);
    const node = this.#require(path);
    if (node.kind !== 'file') {
      throw new FsError(node.kind === 'directory' ? 'is-directory' : 'denied', 'this can not be read');
    }
    const { bytes } = node;
    return {
      resource: { ...this.#resource(node, path), sizeBytes: bytes.length },
      here: async () => undefined,
      read: async (range, signal) => {
        await this.#begin('read', path);
        return this.#stream(bytes, range, signal);
      },
    };
  }

  async openHandle(path: TreePath, options: HandleOptions): Promise<FileHandle> {
    await this.#begin('openHandle', path);
    const { access, create, exclusive, truncate, append } = options;
    const isWriting = access !== 'read';
    if ((!isWriting && (create || truncate || append)) || (exclusive && !create)) {
      throw new FsError('bad-request', 'these options do not go together');
    }
    const node = isWriting ? this.#checkWrite(path, options) : this.#find(path);
    if (path.length === 0 || (node !== undefined && node.kind !== 'file')) {
      throw new FsError(node?.kind === 'unknown' ? 'denied' : 'is-directory', 'this is no file');
    }
    const key = path.map(normalName).join('/');
    const known = this.#opened.get(key);
    const joined = known?.node === node ? known : undefined;
    if (exclusive && (node ?? joined)) {
      throw new FsError('exists', 'there already is something of this name');
    }
    if (!node && !joined && !create) {
      throw new FsError('not-found', 'there is nothing of this name');
    }
    return new MemoryHandle((joined ?? this.#opening(path, key, node)).file, options);
  }

  async write(path: TreePath, body: Readable, options: WriteOptions = {}): Promise<Changed> {
    body.on('error', () => undefined);
    await this.#begin('write', path);
    const old = this.#checkWrite(path, options);
    options.partStart?.(bytesOf(old).length);
    options.onAccepted?.();
    const pieces: Buffer[] = [];
    try {
      for await (const piece of body) {
        pieces.push(piece as Buffer);
      }
    } catch (error) {
      throw error instanceof FsError ? error : new FsError('aborted', 'the body broke off', { cause: error });
    }
    const sent = Buffer.concat(pieces);
    if (options.expectedBytes !== undefined && options.expectedBytes !== sent.length) {
      throw new FsError('bad-request', 'the body has another length than announced');
    }
    const current = this.#find(path);
    if (current !== old) {
      this.#checkWrite(path, options);
    }
    const bytes = options.partStart ? withPart(bytesOf(current), sent, options.partStart) : sent;
    const { directory, name } = this.#parent(path);
    const node: FileNode = {
      ...this.#file(bytes),
      createdAtMs: current?.createdAtMs ?? this.#now(),
      modifiedAtMs: options.modifiedAtMs ?? this.#now(),
      contentType: options.partStart && current?.kind === 'file' ? current.contentType : options.contentType,
      checksums: { sha256: sha256(bytes).toString('base64url'), ...options.checksums?.() },
      deadProperties: current?.deadProperties ?? [],
    };
    options.lastWord?.();
    directory.children.set(name, node);
    return { isNew: current === undefined, resource: this.#resource(node, path) };
  }

  async makeDirectory(path: TreePath, options: ChangeOptions = {}): Promise<Changed> {
    await this.#begin('makeDirectory', path);
    const current = this.#find(path);
    options.guard?.(current && this.#resource(current, path));
    if (current !== undefined) {
      throw new FsError('exists', 'there already is something of this name');
    }
    const { directory, name } = this.#parent(path);
    requireWritable(directory);
    const node = this.#directory();
    options.lastWord?.();
    directory.children.set(name, node);
    return { isNew: true, resource: this.#resource(node, path) };
  }

  async remove(path: TreePath, options: ChangeOptions = {}): Promise<void> {
    await this.#begin('remove', path);
    const node = this.#require(path, 'write');
    if (path.length === 0) {
      throw new FsError('denied', 'the root can not be removed');
    }
    options.guard?.(this.#resource(node, path));
    const { directory, name } = this.#parent(path);
    requireWritable(directory);
    options.lastWord?.();
    directory.children.delete(name);
  }

  async move(from: TreePath, to: TreePath, options: TransferOptions): Promise<Changed> {
    await this.#begin('move', from);
    const source = this.#require(from, 'write');
    const { isNew, target } = this.#checkTransfer(from, to, source, options);
    const { directory, name } = this.#parent(from);
    requireWritable(directory);
    options.lastWord?.();
    target.directory.children.set(target.name, source);
    directory.children.delete(name);
    return { isNew, resource: this.#resource(source, to) };
  }

  async copy(from: TreePath, to: TreePath, options: CopyOptions): Promise<Changed> {
    await this.#begin('copy', from);
    const source = this.#require(from);
    const { isNew, target } = this.#checkTransfer(from, to, source, options);
    const made = this.#clone(source, options.isShallow === true);
    options.lastWord?.();
    target.directory.children.set(target.name, made);
    return { isNew, resource: this.#resource(made, to) };
  }

  async setProperties(
    path: TreePath,
    decide: (current: Resource) => PropertyValues,
    options: ChangeOptions = {},
  ): Promise<Resource> {
    await this.#begin('setProperties', path);
    const node = this.#require(path, 'write');
    if (path.length === 0) {
      throw new FsError('denied', 'the root carries no properties');
    }
    options.guard?.(this.#resource(node, path));
    requireWritable(this.#parent(path).directory);
    options.lastWord?.();
    const values = decide(this.#resource(node, path));
    const properties = values.deadProperties ?? node.deadProperties;
    const bytes = properties.reduce((sum, { uri, local, xml }) => sum + (uri + local + xml).length, 0);
    if (properties.length > 64 || bytes > 16 * 1024) {
      throw new FsError('no-space', 'a resource can not have so many properties');
    }
    node.deadProperties = properties;
    node.modifiedAtMs = values.modifiedAtMs ?? node.modifiedAtMs;
    node.createdAtMs = values.createdAtMs ?? node.createdAtMs;
    return this.#resource(node, path);
  }

  async trace(path: TreePath): Promise<readonly Step[]> {
    const steps: Step[] = [{ placeId: this.#root.inodeId, dirId: this.#root.inodeId }];
    let at: Node | undefined = this.#root;
    for (const name of path) {
      if (at?.kind !== 'directory') {
        throw new FsError('parent-missing', 'the directory that is to hold it is missing');
      }
      const child = childOf(at, name);
      const placeId = `${at.inodeId}/${normalName(name)}`;
      steps.push({ placeId, dirId: child?.kind === 'directory' ? child.inodeId : undefined });
      at = child;
    }
    return steps;
  }

  async space(): Promise<Space> {
    return { availableBytes: 1_000_000_000, usedBytes: undefined };
  }

  async #begin(operation: Operation, path: TreePath): Promise<void> {
    this.calls.push(`${operation} /${path.join('/')}`);
    await this.before(operation, path);
  }

  #opening(path: TreePath, key: string, node: FileNode | undefined) {
    const file: OpenBytes = {
      bytes: node?.bytes ?? Buffer.alloc(0),
      isDirty: node === undefined,
      writers: 0,
      handles: 0,
      commit: async (bytes, options) => {
        await this.#begin('commit', path);
        if (this.#find(path) !== opened.node) {
          throw new FsError('conflict', 'the name has got another file since this one was opened');
        }
        this.#checkWrite(path, {});
        options.lastWord?.();
        const { directory, name } = this.#parent(path);
        const old = opened.node;
        const kept = old && { contentType: old.contentType, createdAtMs: old.createdAtMs };
        const deadProperties = old?.deadProperties ?? [];
        opened.node = { ...this.#file(bytes), ...kept, deadProperties };
        directory.children.set(name, opened.node);
      },
      onUnused: () => {
        if (this.#opened.get(key) === opened) {
          this.#opened.delete(key);
        }
      },
    };
    const opened: { node: FileNode | undefined; readonly file: OpenBytes } = { node, file };
    this.#opened.set(key, opened);
    return opened;
  }

  #checkWrite(path: TreePath, options: WriteOptions): Node | undefined {
    const current = this.#find(path);
    options.guard?.(current && this.#resource(current, path));
    if (path.length === 0 || current?.kind === 'directory') {
      throw new FsError('is-directory', 'a directory stands there');
    }
    requireWritable(this.#parent(path).directory);
    if (current !== undefined) {
      requireWritable(current);
    }
    return current;
  }

  #checkTransfer(
    from: TreePath,
    to: TreePath,
    source: Node,
    options: TransferOptions,
  ): { isNew: boolean; target: { directory: DirectoryNode; name: string } } {
    options.sourceGuard?.(this.#resource(source, from));
    if (isWithin(from, to) || isWithin(to, from)) {
      throw new FsError('denied', 'source and target lie in each other');
    }
    const current = this.#find(to);
    options.guard?.(current && this.#resource(current, to));
    const target = this.#parent(to);
    if (current !== undefined && !options.overwrite) {
      throw new FsError('exists', 'there already is something of this name');
    }
    requireWritable(target.directory);
    return { isNew: current === undefined, target };
  }

  #clone(node: Node, isShallow: boolean): Node {
    if (node.kind !== 'directory') {
      return node.kind === 'file' ? { ...node, inodeId: this.#nextId() } : node;
    }
    const made = this.#directory();
    if (!isShallow) {
      for (const [name, child] of node.children) {
        made.children.set(name, this.#clone(child, false));
      }
    }
    return made;
  }

  /** The directory and the child's own spelling of `name` in it: exact, NFC, NFD. */
  #find(path: TreePath): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const name of path) {
      node = node?.kind === 'directory' ? childOf(node, name) : undefined;
    }
    return node;
  }

  #require(path: TreePath, purpose: 'read' | 'write' = 'read'): Node {
    const node = this.#find(path);
    if (node === undefined) {
      if (purpose === 'write') {
        this.#parentForErrors(path);
      }
      throw new FsError('not-found', 'there is nothing of this name');
    }
    return node;
  }

  #parentForErrors(path: TreePath): void {
    for (let depth = 1; depth < path.length; depth += 1) {
      const above = this.#find(path.slice(0, depth));
      if (above !== undefined && above.kind !== 'directory') {
        throw new FsError('not-directory', 'the path leads through a file');
      }
    }
  }

  #parent(path: TreePath): { directory: DirectoryNode; name: string } {
    const name = path.at(-1);
    if (name === undefined) {
      throw new FsError('denied', 'the root can not be changed');
    }
    this.#parentForErrors(path);
    const directory = this.#find(path.slice(0, -1));
    if (directory === undefined) {
      throw new FsError('parent-missing', 'the directory that is to hold it is missing');
    }
    if (directory.kind !== 'directory') {
      throw new FsError('not-directory', 'the path leads through a file');
    }
    return { directory, name: spelling(directory, name) ?? normalName(name) };
  }

  /** As `#parent`, but makes what is missing and takes the name as it is. */
  #place(path: TreePath): { directory: DirectoryNode; name: string } {
    let directory = this.#root;
    for (const name of path.slice(0, -1)) {
      const next = directory.children.get(name) ?? this.#directory();
      if (next.kind !== 'directory') {
        throw new Error(`${name} is no directory`);
      }
      directory.children.set(name, next);
      directory = next;
    }
    return { directory, name: path.at(-1) ?? '' };
  }

  #stream(bytes: Buffer, range: ByteRange, signal: AbortSignal | undefined): Readable {
    const { pieceBytes } = this;
    let offset = range.start;
    this.openReads += 1;
    const begin = async (): Promise<void> => this.before('read', []);
    const stream = new ReadableStream({
      read() {
        void begin().then(
          () => {
            const end = Math.min(range.end, offset + pieceBytes);
            this.push(offset < end ? bytes.subarray(offset, end) : null);
            offset = end;
          },
          (error: Error) => this.destroy(error),
        );
      },
      ...(signal === undefined ? {} : { signal }),
    });
    stream.once('close', () => {
      this.openReads -= 1;
    });
    return stream;
  }

  #resource(node: Node, path: TreePath, parentId = this.#find(path.slice(0, -1))?.inodeId): Resource {
    const name = path.at(-1) ?? '';
    return {
      kind: node.kind,
      name,
      inodeId: node.inodeId,
      placeId: path.length === 0 ? node.inodeId : `${parentId}/${normalName(name)}`,
      sizeBytes: node.kind === 'file' ? node.bytes.length : undefined,
      etag: node.kind === 'file' ? node.etag : undefined,
      modifiedAtMs: node.modifiedAtMs,
      createdAtMs: node.createdAtMs,
      contentType: node.kind === 'file' ? node.contentType : undefined,
      checksums: node.kind === 'file' ? node.checksums : undefined,
      isWritable: node.isWritable,
      deadProperties: node.deadProperties,
    };
  }

  #nextId(): string {
    this.#inodes += 1;
    return `inode-${this.#inodes}`;
  }

  #common(): Common {
    const now = this.#now();
    return {
      inodeId: this.#nextId(),
      modifiedAtMs: now,
      createdAtMs: now,
      isWritable: true,
      deadProperties: [],
    };
  }

  #file(bytes: Buffer): FileNode {
    const etag = `"${sha256(bytes).toString('base64url').slice(0, 22)}"`;
    return { ...this.#common(), kind: 'file', bytes, etag, contentType: undefined };
  }

  #directory(): DirectoryNode {
    return { ...this.#common(), kind: 'directory', children: new Map() };
  }
}

function spelling(directory: DirectoryNode, name: string): string | undefined {
  return [name, name.normalize('NFC'), name.normalize('NFD')].find((form) => directory.children.has(form));
}

function childOf(directory: DirectoryNode, name: string): Node | undefined {
  const form = spelling(directory, name);
  return form === undefined ? undefined : directory.children.get(form);
}

function bytesOf(node: Node | undefined): Buffer {
  return node?.kind === 'file' ? node.bytes : Buffer.alloc(0);
}

function withPart(old: Buffer, part: Buffer, startIn: (sizeBytes: number) => number): Buffer {
  const start = startIn(old.length);
  const bytes = Buffer.alloc(Math.max(old.length, start + part.length));
  old.copy(bytes);
  part.copy(bytes, start);
  return bytes;
}

function requireWritable(node: Node): void {
  if (!node.isWritable) {
    throw new FsError('read-only', 'this can not be changed');
  }
}

/** A `before` hook: the calls of `operation` fail with `code`. */
export function failing(operation: Operation, code: ErrorCode): MemoryTree['before'] {
  return (called) => {
    if (called === operation) {
      throw new FsError(code, `the test makes ${operation} fail`);
    }
  };
}
