// `create-root`: a new directory on the grid, its cap kept where only this user can read it. The place is taken before
// the grid is asked, so that no cap is made that can't be kept; the cap is never shown.
import { unlinkSync } from 'node:fs';
import { type FileHandle, open, readFile, realpath, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { replaceFile, syncFolder } from '../base/atomic-file.ts';
import { FsError, systemCode } from '../base/errors.ts';
import type { RootPlace } from '../config-root.ts';
import { parseAliases } from '../config-secrets.ts';
import { DONE, FAILED } from './exit-codes.ts';
import type { Output } from './output.ts';

/** `make` asks the grid. On any failure, and when interrupted, the place is left as it was. */
export async function createRoot(
  place: RootPlace,
  make: () => Promise<string>,
  output: Output,
): Promise<number> {
  if (place.kind === 'file') {
    await createFile(place.file, make);
    output.line(`made a new root; its cap is in ${place.file}`);
  } else {
    await addAlias(place.aliasesFile, place.name, make);
    output.line(`made a new root; its cap is the alias ${place.name} in ${place.aliasesFile}`);
  }
  output.line('Keep a copy of it in another place: whoever loses the cap loses everything below it.');
  return DONE;
}

async function createFile(file: string, make: () => Promise<string>): Promise<void> {
  const handle = await open(file, 'wx', 0o600).catch((error: unknown) => {
    throw openError(file, error);
  });
  using _removal = removedOnSignal(file);
  try {
    try {
      await handle.writeFile(`${await make()}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await syncFolder(dirname(file));
  } catch (error) {
    await unlink(file);
    throw error;
  }
}

async function addAlias(aliasesFile: string, name: string, make: () => Promise<string>): Promise<void> {
  const folder = await realpath(dirname(aliasesFile)).catch((error: unknown) => {
    throw new FsError('bad-config', `there is no Tahoe directory with ${aliasesFile}`, {
      hint: 'give --tahoe-dir DIR',
      cause: error,
    });
  });
  const file = await realpath(aliasesFile).catch(() => `${folder}/aliases`);
  // Its name is always the same, so that only one of us works on the file.
  const temporary = `${file}.tahoe-webdav`;
  const fill = async (handle: FileHandle): Promise<void> => {
    using _removal = removedOnSignal(temporary);
    refuseExisting(await readAliases(file), name, aliasesFile);
    const cap = await make();
    // Read again: the grid may have taken long.
    const text = await readAliases(file);
    refuseExisting(text, name, aliasesFile);
    await handle.writeFile(`${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${name}: ${cap}\n`);
  };
  await replaceFile(file, temporary, 0o600, fill).catch((error: unknown) => {
    throw systemCode(error) === 'EEXIST' ? busyError(temporary, error) : error;
  });
}

function refuseExisting(text: string, name: string, aliasesFile: string): void {
  if (parseAliases(text).has(name)) {
    throw new FsError('exists', `there is an alias ${name} in ${aliasesFile} already`);
  }
}

async function readAliases(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') {
      return '';
    }
    throw error;
  });
}

function openError(file: string, error: unknown): unknown {
  switch (systemCode(error)) {
    case 'EEXIST':
      return new FsError('exists', `${file} is there already; no rootcap is ever written over`, {
        cause: error,
      });
    case 'ENOENT':
    case 'ENOTDIR':
      return new FsError('not-found', `there is no folder ${dirname(file)}`, { cause: error });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new FsError('denied', `this user can not write ${file}`, { cause: error });
    default:
      return error;
  }
}

function busyError(temporary: string, cause: unknown): FsError {
  return new FsError('exists', `${temporary} is there`, {
    hint: 'another create-root runs, or one was killed: then remove the file',
    cause,
  });
}

/** Interrupted while the grid is asked, an empty file would stand in the way of the next try. */
function removedOnSignal(file: string): Disposable {
  const remove = (): void => {
    try {
      unlinkSync(file);
    } finally {
      process.exit(FAILED);
    }
  };
  process.on('SIGINT', remove).on('SIGTERM', remove);
  return {
    [Symbol.dispose]: () => {
      process.off('SIGINT', remove).off('SIGTERM', remove);
    },
  };
}
