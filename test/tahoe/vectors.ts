// Caps that a real node (1.20.0) made, with what it derives from them.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface CapVector {
  readonly name: string;
  readonly cap: string;
  readonly readCap: string;
  readonly writeCap: string | null;
  readonly verifyCap: string | null;
  readonly storageIndex: string | null;
  /** Of an immutable file. */
  readonly sizeBytes: number | null;
}

/** The compiled tests lie at another depth than their sources; the vectors are in the source tree only. */
function vectorsFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    folder = dirname(folder);
  }
  return join(folder, 'test', 'vectors');
}

export const capVectors: readonly CapVector[] = JSON.parse(
  readFileSync(join(vectorsFolder(), 'caps.json'), 'utf8'),
) as CapVector[];

export function capVector(name: string): CapVector {
  const found = capVectors.find((vector) => vector.name === name);
  if (!found) {
    throw new Error(`no vector is called ${name}`);
  }
  return found;
}
