// A small disk of its own in memory, for tests of full and read-only disks; gone when the test ends. Needs root on Linux.
import { spawnSync } from 'node:child_process';
import { temporaryFolder } from './temporary-folder.ts';

export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
  /** Files stay readable and can't be changed. No file may be open for writing. */
  makeReadOnly(): void;
  makeWritable(): void;
}

function run(...[command, ...args]: [string, ...string[]]): boolean {
  return spawnSync(command, args).status === 0;
}

function runOrThrow(...command: [string, ...string[]]): void {
  if (!run(...command)) {
    throw new Error(`internal: ${command.join(' ')} failed`);
  }
}

/** Why there is none, where there can be none. */
export async function smallDisk(sizeBytes: number): Promise<SmallDisk | string> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    return 'mounting a small disk needs root on Linux';
  }
  const folder = await temporaryFolder();
  const { path } = folder;
  if (!run('mount', '-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', path)) {
    await folder[Symbol.asyncDispose]();
    return 'this machine lets nobody mount a tmpfs';
  }
  return {
    path,
    makeReadOnly: () => runOrThrow('mount', '-o', 'remount,ro', path),
    makeWritable: () => runOrThrow('mount', '-o', 'remount,rw', path),
    [Symbol.asyncDispose]: async () => {
      runOrThrow('umount', '-l', path);
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Runs `body` on a small disk; skips the test, with the reason, where there is none. */
export async function withSmallDisk(
  context: { skip(reason: string): void },
  sizeBytes: number,
  body: (disk: SmallDisk) => Promise<void>,
): Promise<void> {
  const disk = await smallDisk(sizeBytes);
  if (typeof disk === 'string') {
    if (process.env['REQUIRE_REAL'] === '1') {
      throw new Error(disk);
    }
    context.skip(disk);
    return;
  }
  await using held = disk;
  await body(held);
}
