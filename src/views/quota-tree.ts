// A tree whose files may have so many bytes in sum and no more: what would pass that is refused with `no-space` before its
// body is asked for, or broken off when it has become too long. What is on its way counts, so that many at once do not
// pass it together.
import { Readable } from 'node:stream';
import { FsError, hasCode } from '../base/errors.ts';
import type { TreePath } from '../base/path.ts';
import type {
  Changed,
  ChangeOptions,
  CopyOptions,
  FileHandle,
  Guard,
  HandleOptions,
  Resource,
  Space,
  TransferOptions,
  Tree,
  WriteOptions,
} from '../inode/tree.ts';
import { PassingTree } from './passing-tree.ts';
import type { Usage } from './usage.ts';

export interface Quota {
  readonly limitBytes: number;
  /** Of all mounts that count. */
  readonly usages: () => readonly Usage[];
  /** Of the mount that holds a path; undefined where that does not count. */
  readonly usageAt: (path: TreePath) => Usage | undefined;
}

export class QuotaTree extends PassingTree {
  readonly #tree: Tree;
  readonly #quota: Quota;

  constructor(tree: Tree, quota: Quota) {
    super(() => tree);
    this.#tree = tree;
    this.#quota = quota;
  }

  /** What a handle writes is known when it is closed: it may pass the quota once, and nothing after it. */
  override async openHandle(path: TreePath, options: HandleOptions): Promise<FileHandle> {
    if (options.access !== 'read') {
      const usage = this.#quota.usageAt(path);
      if (usage && this.#leftBytes() <= 0) {
        throw overQuota();
      }
      usage?.countSoon();
    }
    return await this.#tree.openHandle(path, options);
  }

  override async write(path: TreePath, body: Readable, options: WriteOptions = {}): Promise<Changed> {
    const usage = this.#quota.usageAt(path);
    if (usage === undefined) {
      return await this.#tree.write(path, body, options);
    }
    using taken = new Taken(usage, () => this.#leftBytes());
    const guard: Guard = (current) => {
      options.guard?.(current);
      taken.replaces(current?.sizeBytes ?? 0);
      taken.take(lengthAfter(options, current?.sizeBytes ?? 0));
    };
    try {
      const changed = await this.#tree.write(path, taken.counted(body), { ...options, guard });
      usage.changed((changed.resource.sizeBytes ?? 0) - taken.replacedBytes);
      return changed;
    } finally {
      body.destroy();
    }
  }

  override async remove(path: TreePath, options: ChangeOptions = {}): Promise<void> {
    let gone: Resource | undefined;
    const guard: Guard = (current) => {
      options.guard?.(current);
      gone = current;
    };
    await this.#tree.remove(path, { ...options, guard });
    this.#left(path, gone);
  }

  override async move(from: TreePath, to: TreePath, options: TransferOptions): Promise<Changed> {
    const [source, target] = [this.#quota.usageAt(from), this.#quota.usageAt(to)];
    const isAcross = source !== target;
    const bytes = isAcross ? await this.#sizeOf(from, options.signal) : 0;
    return await this.#taking(to, bytes, options, async (guarded) => {
      const changed = await this.#tree.move(from, to, guarded);
      if (isAcross) {
        source?.changed(-bytes);
      }
      return changed;
    });
  }

  override async copy(from: TreePath, to: TreePath, options: CopyOptions): Promise<Changed> {
    const bytes = options.isShallow ? 0 : await this.#sizeOf(from, options.signal);
    return await this.#taking(to, bytes, options, (guarded) => this.#tree.copy(from, to, guarded));
  }

  override async space(signal?: AbortSignal, path?: TreePath): Promise<Space> {
    const space = await this.#tree.space(signal, path);
    if (path && this.#quota.usageAt(path) === undefined) {
      return space;
    }
    const leftBytes = Math.max(0, this.#leftBytes());
    return {
      availableBytes: Math.min(space.availableBytes ?? leftBytes, leftBytes),
      usedBytes: this.#usedBytes(),
    };
  }

  /** A change that brings `bytes` to `to`, in place of what stands there. */
  async #taking<O extends ChangeOptions>(
    to: TreePath,
    bytes: number,
    options: O,
    change: (guarded: O) => Promise<Changed>,
  ): Promise<Changed> {
    const usage = this.#quota.usageAt(to);
    using taken = usage && new Taken(usage, () => this.#leftBytes());
    let replaced: Resource | undefined;
    const guard: Guard = (current) => {
      options.guard?.(current);
      replaced = current;
      taken?.replaces(current?.sizeBytes ?? 0);
      taken?.take(bytes);
    };
    const changed = await change({ ...options, guard });
    usage?.changed(bytes);
    this.#left(to, replaced);
    return changed;
  }

  /** `gone` stands at `path` no more. */
  #left(path: TreePath, gone: Resource | undefined): void {
    const usage = this.#quota.usageAt(path);
    if (gone?.kind === 'directory') {
      usage?.countSoon();
    } else {
      usage?.changed(-(gone?.sizeBytes ?? 0));
    }
  }

  /** Of a file, or of all files below a directory. */
  async #sizeOf(path: TreePath, signal: AbortSignal | undefined): Promise<number> {
    const seen = new Set<string>();
    let bytes = 0;
    const open: TreePath[] = [path];
    for (let at = open.pop(); at; at = open.pop()) {
      const found = await this.#tree.stat(at, signal).catch((error: unknown) => {
        if (hasCode(error, 'not-found', 'not-directory')) {
          return undefined; // the change itself says it better
        }
        throw error;
      });
      bytes += found?.sizeBytes ?? 0;
      if (found?.kind === 'directory' && !seen.has(found.inodeId)) {
        seen.add(found.inodeId);
        for (const child of (await this.#tree.list(at, signal)).children()) {
          if (child.kind === 'directory') {
            open.push([...at, child.name]);
          } else {
            bytes += child.sizeBytes ?? 0;
          }
        }
      }
    }
    return bytes;
  }

  #usedBytes(): number {
    return this.#quota.usages().reduce((sum, { bytes }) => sum + bytes, 0);
  }

  #leftBytes(): number {
    return this.#quota.limitBytes - this.#usedBytes();
  }
}

/** What the file has at least when the write is done. */
function lengthAfter({ expectedBytes = 0, partStart }: WriteOptions, sizeBytes: number): number {
  return partStart === undefined ? expectedBytes : Math.max(sizeBytes, partStart(sizeBytes) + expectedBytes);
}

/** The bytes that one body takes of the quota while it comes. */
class Taken implements Disposable {
  replacedBytes = 0;
  readonly #usage: Usage;
  readonly #leftBytes: () => number;
  #takenBytes = 0;
  #reserved: Disposable | undefined;

  constructor(usage: Usage, leftBytes: () => number) {
    this.#usage = usage;
    this.#leftBytes = leftBytes;
  }

  [Symbol.dispose](): void {
    this.#reserved?.[Symbol.dispose]();
  }

  replaces(bytes: number): void {
    this.replacedBytes = bytes;
  }

  /** It has so many bytes at least. Throws where these are too many. */
  take(bytes: number): void {
    if (bytes <= this.#takenBytes) {
      return;
    }
    this.#reserved?.[Symbol.dispose]();
    this.#reserved = undefined;
    if (bytes > this.#leftBytes() + this.replacedBytes) {
      throw overQuota();
    }
    this.#reserved = this.#usage.reserve(bytes);
    this.#takenBytes = bytes;
  }

  counted(body: Readable): Readable {
    return Readable.from(this.#pieces(body), { objectMode: false });
  }

  async *#pieces(body: Readable): AsyncGenerator<Buffer> {
    let bytes = 0;
    for await (const piece of body) {
      bytes += (piece as Buffer).length;
      this.take(bytes);
      yield piece as Buffer;
    }
  }
}

function overQuota(): FsError {
  return new FsError('no-space', 'the quota of this account is used up');
}
