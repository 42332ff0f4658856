// The convergence secret as nodes keep it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { decodeBase32 } from '../../src/base/base32.ts';

export async function readSecret(path: string): Promise<Buffer> {
  const secret = decodeBase32((await readFile(path, 'utf8')).trim());
  assert.ok(secret);
  return secret;
}
