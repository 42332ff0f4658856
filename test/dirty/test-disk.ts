// A disk that tells of each call before and after it, and knows what a power cut would leave: of each file what was
// there at its last datasync, under the names that were there at the last sync of the folder.
import { readFileSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Disk, systemDisk } from '../../src/dirty/disk.ts';

export type Call = 'create' | 'writev' | 'datasync' | 'close' | 'sync' | 'unlink' | 'open' | 'read';

export interface TestDisk {
  readonly disk: Disk;
  /** All calls in the order of their begin: `datasync NAME`. */
  readonly calls: string[];
  /** Is called before each call; may throw as the system would, or wait. */
  before: (call: Call, name: string) => void | Promise<void>;
  /** What the disk says is free, where it isn't the truth. */
  freeBytes: number | undefined;
  /** What is durable of a blob; undefined where a power cut now would leave nothing of that name. */
  durable(id: string): Buffer | undefined;
  /** Writes what a power cut now would leave into `folder`. */
  cutPower(folder: string): Promise<void>;
}

export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: as the system says it`), { code });
}

export function testDisk(): TestDisk {
  const synced = new Map<string, Buffer>();
  let names = new Set<string>();
  async function call<T>(what: Call, path: string, run: () => Promise<T>): Promise<T> {
    self.calls.push(`${what} ${basename(path)}`);
    await self.before(what, basename(path));
    return await run();
  }
  const disk: Disk = {
    async create(path) {
      const file = await call('create', path, () => systemDisk.create(path));
      return {
        writev: (parts, offset) => call('writev', path, () => file.writev(parts, offset)),
        datasync: () =>
          call('datasync', path, async () => {
            const bytes = readFileSync(path);
            await file.datasync();
            synced.set(basename(path), bytes);
          }),
        close: () => call('close', path, () => file.close()),
      };
    },
    async open(path) {
      const file = await call('open', path, () => systemDisk.open(path));
      return { ...file, read: (...args) => call('read', path, () => file.read(...args)) };
    },
    async openFolder(path) {
      const folder = await systemDisk.openFolder(path);
      return {
        sync: () =>
          call('sync', path, async () => {
            const now = new Set(await readdir(path));
            await folder.sync();
            names = now;
          }),
        close: () => folder.close(),
      };
    },
    unlink: (path) => call('unlink', path, () => systemDisk.unlink(path)),
    freeBytes: async (folder) => self.freeBytes ?? (await systemDisk.freeBytes(folder)),
  };
  const self: TestDisk = {
    disk,
    calls: [],
    before: () => undefined,
    freeBytes: undefined,
    durable: (id) => (names.has(id) ? (synced.get(id) ?? Buffer.alloc(0)) : undefined),
    async cutPower(folder) {
      for (const name of names) {
        await writeFile(join(folder, name), synced.get(name) ?? Buffer.alloc(0));
      }
    },
  };
  return self;
}
