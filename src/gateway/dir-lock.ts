// One process per data directory. The lock is a listening unix socket in it: who can connect has found a living
// owner, and the kernel closes the socket with its process, however that ends. (A pid file lies after a restart of a
// container, where the new process has the old one's pid.)
import { type FileHandle, link, open, rename, stat, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { FsError, systemCode } from '../base/errors.ts';
import { randomId } from '../seal/random.ts';

const LOCK_NAME = 'lock.sock';
// sun_path holds 108 bytes on Linux and 104 elsewhere, the closing zero among them. Our own longest name is 32 long.
const MAX_FOLDER_BYTES = 103 - 33;

function refuse(dataDir: string): FsError {
  return new FsError('unavailable', `another process already serves the data directory ${dataDir}`, {
    op: 'lock data directory',
    path: dataDir,
    hint: 'stop that one first, or give this one a directory of its own with --data-dir',
  });
}

/** True when somebody listens there, false when the socket is left over or absent. */
function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => {
      const code = systemCode(error);
      if (code === 'ECONNREFUSED' || code === 'ENOENT') {
        resolve(false);
      } else if (code === 'EAGAIN') {
        resolve(true); // its queue of callers is full: stopped, but not dead
      } else {
        reject(error);
      }
    });
  });
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      server.unref();
      resolve(server);
    });
  });
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      return false;
    }
    throw error;
  }
}

/** Links our listening socket to the lock's name; takes a dead owner's away first. */
async function claim(folder: string, own: string, dataDir: string): Promise<void> {
  const lock = join(folder, LOCK_NAME);
  for (;;) {
    try {
      await link(own, lock);
      return;
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') {
        throw error;
      }
    }
    if (await isAlive(lock)) {
      throw refuse(dataDir);
    }
    // Another one may claim it between our look and our hand: what was taken away is looked at again, and put back
    // if it lives.
    const taken = join(folder, `lock-${randomId()}.old`);
    try {
      await rename(lock, taken);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') {
        continue;
      }
      throw error;
    }
    const isLiving = await isAlive(taken);
    if (isLiving) {
      await link(taken, lock);
    }
    await unlink(taken);
    if (isLiving) {
      throw refuse(dataDir);
    }
  }
}

/** Long paths do not fit into a socket address; the kernel's name for an open folder does. */
async function shortName(folder: FileHandle, dataDir: string): Promise<string> {
  if (Buffer.byteLength(dataDir) <= MAX_FOLDER_BYTES) {
    return dataDir;
  }
  const short = `/proc/self/fd/${folder.fd}`;
  if (await exists(short)) {
    return short;
  }
  throw new FsError('bad-config', `the path of the data directory is longer than ${MAX_FOLDER_BYTES} bytes`, {
    op: 'lock data directory',
    path: dataDir,
  });
}

/**
 * Locks `dataDir` until disposed or until the process ends. Throws `unavailable` at once when a living process has it.
 */
export async function lockDataDir(dataDir: string): Promise<AsyncDisposable> {
  const handle = await open(dataDir, 'r');
  try {
    const folder = await shortName(handle, dataDir);
    const own = join(folder, `lock-${randomId()}.sock`);
    const server = await listen(own);
    const release = async (): Promise<void> => {
      await new Promise<void>((resolve) => server.close(() => resolve()));
    };
    try {
      await claim(folder, own, dataDir);
      await unlink(own);
    } catch (error) {
      await release();
      throw error;
    }
    return {
      async [Symbol.asyncDispose]() {
        try {
          await unlink(join(folder, LOCK_NAME));
        } catch (error) {
          if (systemCode(error) !== 'ENOENT') {
            throw error; // ENOENT: the whole directory was removed under us
          }
        } finally {
          await release();
          await handle.close();
        }
      },
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}
