// The disk of the embedded grid:
//
//   lock.sock              held by the process that serves it
//   node-id                who this is; made once
//   private/convergence    the secret that content keys depend on, base32, mode 0600; made once
//   immutable/ mutable/    one file per storage index
//   tmp/                   what isn't finished; emptied at start
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { replaceFile, syncFolder } from '../base/atomic-file.ts';
import { decodeBase32, encodeBase32 } from '../base/base32.ts';
import { FsError, systemCode } from '../base/errors.ts';
import { randomBytes } from '../seal/random.ts';
import { lockDataDir } from './dir-lock.ts';

const SECRET_BYTES = 32;

export interface DataDir extends AsyncDisposable {
  readonly nodeId: string;
  readonly convergenceSecret: Buffer;
  readonly immutableFolder: string;
  readonly mutableFolder: string;
  readonly temporaryFolder: string;
}

/** The text in `path`, written there first where there is none. */
async function keepText(path: string, temporaryFolder: string, make: () => string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') {
      throw error;
    }
  }
  const text = make();
  await replaceFile(path, join(temporaryFolder, 'new'), 0o600, async (file) => {
    await file.writeFile(`${text}\n`);
  });
  return text;
}

/** Makes `path` and its parents, each name durable. */
async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first !== undefined) {
    for (let made = path; made.length >= first.length; made = dirname(made)) {
      await syncFolder(dirname(made));
    }
  }
}

async function emptyFolder(path: string): Promise<void> {
  for (const name of await readdir(path)) {
    await rm(join(path, name), { recursive: true });
  }
}

function refused(error: unknown, dataDir: string): unknown {
  const code = systemCode(error);
  return code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ENOTDIR' || code === 'EEXIST'
    ? new FsError('bad-config', `the data directory ${dataDir} can't be used (${code})`, {
        cause: error,
        path: dataDir,
      })
    : error;
}

async function openLocked(dataDir: string, lock: AsyncDisposable): Promise<DataDir> {
  const [immutableFolder, mutableFolder, temporaryFolder, privateFolder] = [
    join(dataDir, 'immutable'),
    join(dataDir, 'mutable'),
    join(dataDir, 'tmp'),
    join(dataDir, 'private'),
  ];
  for (const folder of [immutableFolder, mutableFolder, temporaryFolder, privateFolder]) {
    await makeFolder(folder);
  }
  await emptyFolder(temporaryFolder);
  const secretPath = join(privateFolder, 'convergence');
  const secretText = await keepText(secretPath, temporaryFolder, () =>
    encodeBase32(randomBytes(SECRET_BYTES)),
  );
  const convergenceSecret = decodeBase32(secretText);
  if (convergenceSecret?.length !== SECRET_BYTES) {
    throw new FsError('corrupt', 'private/convergence of the data directory does not hold a secret', {
      path: secretPath,
    });
  }
  const nodeId = await keepText(
    join(dataDir, 'node-id'),
    temporaryFolder,
    () => `v0-${encodeBase32(randomBytes(32))}`,
  );
  return {
    nodeId,
    convergenceSecret,
    immutableFolder,
    mutableFolder,
    temporaryFolder,
    [Symbol.asyncDispose]: () => lock[Symbol.asyncDispose](),
  };
}

/**
 * Opens `dataDir` for this process alone, made where it isn't there. Throws `unavailable` when another process has it,
 * `bad-config` when it can't be used.
 */
export async function openDataDir(dataDir: string): Promise<DataDir> {
  try {
    await makeFolder(dataDir);
    const lock = await lockDataDir(dataDir);
    try {
      return await openLocked(dataDir, lock);
    } catch (error) {
      await lock[Symbol.asyncDispose]();
      throw error;
    }
  } catch (error) {
    throw refused(error, dataDir);
  }
}
