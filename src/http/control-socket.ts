// Where the control socket lies, and that nobody else can use it: it gets its name when it has its mode already. A
// socket that is found there belongs to a server that was killed, since the caller holds the lock of the root's folder.
import { chmod, lstat, mkdtemp, readFile, realpath, rename, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { replaceFile } from '../base/atomic-file.ts';
import { FsError, systemCode } from '../base/errors.ts';
import { fitsAddress, POINTER_NAME, SOCKET_NAME } from './control-protocol.ts';

export interface ControlPlace {
  /** Of the root whose server this is. */
  readonly folder: string;
  /** Where the socket goes if its path in `folder` would be too long, or the disk takes none. */
  readonly runtimeDir: string | undefined;
}

export interface ControlSocket {
  readonly path: string;
  /** Takes the socket and all that leads to it away, unless they are another server's by now. */
  remove(): Promise<void>;
}

const TEMPORARY_NAME = 'control.new';
const OWN_FOLDER_PREFIX = 'tahoe-webdav-';

/** `bind` listens at the path it is given. Throws what the last place tried had against it. */
export async function placeControlSocket(
  { folder, runtimeDir }: ControlPlace,
  bind: (path: string) => Promise<void>,
): Promise<ControlSocket> {
  // Whoever looks for it may know the folder by another, longer path.
  const home = await realpath(folder);
  await removeEarlier(home);
  const failures: unknown[] = [];
  for (const place of [home, runtimeDir, tmpdir()]) {
    if (place !== undefined) {
      try {
        return place === home ? await placeIn(home, bind) : await placeOutside(home, place, bind);
      } catch (error) {
        failures.push(error);
      }
    }
  }
  throw failures.at(-1);
}

async function placeIn(folder: string, bind: (path: string) => Promise<void>): Promise<ControlSocket> {
  const path = join(folder, SOCKET_NAME);
  if (!fitsAddress(path)) {
    throw new FsError('unavailable', `${path} is too long for a socket`);
  }
  const temporary = join(folder, TEMPORARY_NAME);
  await rm(temporary, { force: true });
  await bind(temporary);
  await chmod(temporary, 0o600);
  const { ino } = await lstat(temporary);
  await rename(temporary, path);
  return {
    path,
    remove: async () => {
      const found = await lstat(path).catch(absent);
      if (found?.ino === ino) {
        await rm(path, { force: true });
      }
    },
  };
}

async function placeOutside(
  home: string,
  parent: string,
  bind: (path: string) => Promise<void>,
): Promise<ControlSocket> {
  const folder = await mkdtemp(join(parent, OWN_FOLDER_PREFIX)); // mode 0700
  const pointer = join(home, POINTER_NAME);
  const temporary = `${pointer}.tmp`;
  try {
    await rm(temporary, { force: true });
    await replaceFile(pointer, temporary, 0o600, async (file) => {
      await file.writeFile(`${join(folder, SOCKET_NAME)}\n`);
    });
    const socket = await placeIn(folder, bind);
    const remove = async (): Promise<void> => {
      await socket.remove();
      await rmdir(folder).catch(absent);
      if ((await readPointer(home)) === socket.path) {
        await rm(pointer, { force: true });
      }
    };
    return { path: socket.path, remove };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    await rm(pointer, { force: true });
    throw error;
  }
}

/** What a killed server left, also in the folder that it had made outside. */
async function removeEarlier(home: string): Promise<void> {
  const earlier = await readPointer(home);
  await rm(join(home, SOCKET_NAME), { force: true });
  await rm(join(home, POINTER_NAME), { force: true });
  const folder = dirname(earlier ?? '');
  if (
    earlier !== undefined &&
    basename(earlier) === SOCKET_NAME &&
    basename(folder).startsWith(OWN_FOLDER_PREFIX) &&
    (await lstat(earlier).catch(absent))?.isSocket()
  ) {
    await rm(earlier, { force: true });
    await rmdir(folder).catch(absent);
  }
}

async function readPointer(home: string): Promise<string | undefined> {
  const text = await readFile(join(home, POINTER_NAME), 'utf8').catch(absent);
  return text?.trim();
}

/** What is not there, or can't be reached any more, needs no removal. */
function absent(error: unknown): undefined {
  if (!['ENOENT', 'ENOTDIR', 'EACCES', 'ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? '')) {
    throw error;
  }
  return undefined;
}
