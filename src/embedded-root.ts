// The root directory of the embedded gateway: made at the first start, its cap kept apart from the data that it
// opens, in a file that only its owner can read. A marker beside the data tells a first start from a lost cap.
import { access, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { replaceFile } from './base/atomic-file.ts';
import { FsError, systemCode } from './base/errors.ts';
import { isSealed } from './seal/sealed-file.ts';
import type { Grid } from './tahoe/grid.ts';

export interface EmbeddedRootPlaces {
  readonly dataDir: string;
  /** Where the user's settings lie: not with the data. */
  readonly configDir: string;
  /** Of the store in `dataDir`. */
  readonly nodeId: string;
}

/** Where the rootcap of a store lies. */
export function embeddedRootFile({ configDir, nodeId }: EmbeddedRootPlaces): string {
  return join(configDir, `embedded-${nodeId}.rootcap`);
}

/** The rootcap; at the first start a new directory is made and its cap written down before anything is stored. */
export async function embeddedRootCap(grid: Grid, places: EmbeddedRootPlaces): Promise<string> {
  const file = embeddedRootFile(places);
  const marker = markerIn(places.dataDir);
  const known = await readIfThere(file);
  if (known !== undefined && isSealed(known)) {
    throw new FsError('bad-config', `${file} is sealed, and a passphrase is not asked for here`, {
      hint: `give --rootcap-file ${file}`,
    });
  }
  if (known !== undefined && known.trim() !== '') {
    return known.trim();
  }
  if ((await readIfThere(marker)) !== undefined) {
    throw new FsError('bad-config', `the cap of the root in ${places.dataDir} is gone: no ${file}`, {
      hint: 'put it back from a backup, or start anew with another --data-dir; without it the old files can not be opened',
    });
  }
  const cap = await grid.makeDirectory(new Map());
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeWhole(file, `${cap}\n`);
  await writeWhole(marker, '');
  return cap;
}

/** False where no server has ever run on `dataDir`, so that it would make it and its root now. */
export async function hasEmbeddedRoot(dataDir: string, isCapKnown: boolean): Promise<boolean> {
  return await access(isCapKnown ? dataDir : markerIn(dataDir)).then(
    () => true,
    (error: unknown) => systemCode(error) !== 'ENOENT',
  );
}

function markerIn(dataDir: string): string {
  return join(dataDir, 'root-was-made');
}

async function writeWhole(path: string, text: string): Promise<void> {
  await replaceFile(path, `${path}.${process.pid}.tmp`, 0o600, async (file) => {
    await file.writeFile(text);
  });
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}
