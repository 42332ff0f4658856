// A small disk of its own that can be filled and made read-only: `await using disk = await temporaryDisk('tmpfs', 24)`.
// Needs the right to mount; where that isn't given, `diskSkip` says why tests are skipped.
import { execFile } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemCode } from '../../src/base/errors.ts';

const run = promisify(execFile);
const MIB = 1024 * 1024;

/** ext4 lies in a file, and can fail like a real disk. */
export type DiskKind = 'tmpfs' | 'ext4';

export interface TemporaryDisk extends AsyncDisposable {
  /** Where it is mounted. */
  readonly path: string;
  file(name: string): string;
  /** Until nothing more can be written. */
  fill(): Promise<void>;
  /** Takes away what filled it. */
  empty(): Promise<void>;
  /** Mounts it again with other options; as an operator does, or (ext4, `abort`) as the kernel after an error. */
  remount(options: string): Promise<void>;
}

export async function temporaryDisk(kind: DiskKind, sizeMib: number): Promise<TemporaryDisk> {
  const folder = await mkdtemp(join(tmpdir(), 'tahoe-webdav-disk-'));
  const path = join(folder, 'disk');
  await mkdir(path);
  if (kind === 'tmpfs') {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeMib}m`, 'tmpfs', path]);
  } else {
    const image = join(folder, 'image');
    await using handle = await open(image, 'w');
    await handle.truncate(sizeMib * MIB);
    await run('mkfs.ext4', ['-q', '-m', '0', image]);
    await run('mount', ['-o', 'loop', image, path]);
  }
  const filling = join(path, 'filling');
  return {
    path,
    file: (name) => join(path, name),
    fill: async () => {
      for (const piece of [Buffer.alloc(MIB, 1), Buffer.alloc(4096, 1), Buffer.alloc(1, 1)]) {
        await appendUntilFull(filling, piece);
      }
    },
    empty: () => rm(filling),
    remount: async (options) => {
      await run('mount', ['-o', `remount,${options}`, path]);
    },
    [Symbol.asyncDispose]: async () => {
      await run('umount', ['--lazy', path]); // the SQLite adapter leaves files open that it could not use
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** False where such disks can be had. */
export async function diskSkip(kind: DiskKind): Promise<string | false> {
  try {
    await using disk = await temporaryDisk(kind, 8);
    await statfs(disk.path);
    return false;
  } catch (error) {
    return `no ${kind} can be mounted here (${systemCode(error) ?? 'no right to'})`;
  }
}

async function appendUntilFull(file: string, piece: Buffer): Promise<void> {
  try {
    for (;;) {
      await appendFile(file, piece);
    }
  } catch (error) {
    if (systemCode(error) !== 'ENOSPC') {
      throw error;
    }
  }
}
