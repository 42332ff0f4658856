// Which servers run on a cache directory: each root's folder in it, and whether somebody listens at its control socket.
import { readdir, readFile, realpath } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { FsError, systemCode } from '../base/errors.ts';
import { fitsAddress, POINTER_NAME, SOCKET_NAME } from '../http/control-protocol.ts';

export interface RunningServer {
  readonly rootId: string;
  readonly socketPath: string;
}

/** In the order of their ids. `denied` where the directory can't be read. */
export async function runningServers(cacheDir: string): Promise<readonly RunningServer[]> {
  const rootIds = (await namesIn(cacheDir)).filter((name) => /^[a-z2-7]{26}$/.test(name)).sort();
  const found = await Promise.all(rootIds.map((rootId) => serverOf(cacheDir, rootId)));
  return found.filter((server) => server !== undefined);
}

async function namesIn(cacheDir: string): Promise<readonly string[]> {
  try {
    return await readdir(cacheDir);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      return [];
    }
    throw unreadable(cacheDir, error);
  }
}

async function serverOf(cacheDir: string, rootId: string): Promise<RunningServer | undefined> {
  const folder = await realpath(join(cacheDir, rootId)).catch((error: unknown) => {
    throw unreadable(join(cacheDir, rootId), error);
  });
  for (const socketPath of [join(folder, SOCKET_NAME), await elsewhere(folder)]) {
    if (socketPath !== undefined && fitsAddress(socketPath) && (await isAnswered(socketPath))) {
      return { rootId, socketPath };
    }
  }
  return undefined;
}

async function elsewhere(folder: string): Promise<string | undefined> {
  try {
    return (await readFile(join(folder, POINTER_NAME), 'utf8')).trim();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) {
      return undefined;
    }
    throw unreadable(folder, error);
  }
}

/** Nobody listens at what a killed server left. `denied` for a server of another user. */
function isAnswered(socketPath: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect(socketPath);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error) => {
      if (['EACCES', 'EPERM'].includes(systemCode(error) ?? '')) {
        reject(unreadable(socketPath, error));
      } else {
        resolve(false);
      }
    });
  });
}

function unreadable(path: string, cause: unknown): FsError {
  return new FsError('denied', `${path} can not be used (${systemCode(cause) ?? 'unknown reason'})`, {
    hint: 'run the command as the user that runs the server',
    cause,
  });
}
