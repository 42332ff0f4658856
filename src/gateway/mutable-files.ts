// Mutable files: made once, then overwritten in place under the same cap.

import { internalError } from '../base/errors.ts';
import { type MutableCap, parseCap } from '../tahoe/caps.ts';
import { mintMutableKeys, mintWriteCap } from './mint.ts';
import { bytesOf, type ReceivedBody } from './received-body.ts';
import type { Services } from './services.ts';
import { readingFrom } from './web-error.ts';

/** They are sealed as a whole, so they are held in memory while they are read or written. */
const MAX_BYTES = 256 << 20;

/** Stores `body` as a new mutable file; its write cap. Throws `too-large`. */
export async function createMutableFile(
  services: Services,
  body: ReceivedBody,
  format: 'SDMF' | 'MDMF',
): Promise<string> {
  const content = await bytesOf(body, MAX_BYTES);
  const text = mintWriteCap(mintMutableKeys(), format, false);
  const cap = parseCap(text);
  if (cap.kind !== 'mutable') {
    throw internalError('a cap just made is not one');
  }
  using held = await services.mutables.lock(cap);
  await services.mutables.write(held, cap, undefined, content);
  return text;
}

/** Replaces the content; with `offset` (may lie past the end: zeroes between) only from there on. */
export async function overwriteMutableFile(
  services: Services,
  cap: MutableCap,
  body: ReceivedBody,
  offset: number | undefined,
): Promise<void> {
  const content = await bytesOf(body, MAX_BYTES);
  using held = await services.mutables.lock(cap);
  const { mutables } = services;
  if (offset === undefined) {
    const before = await readingFrom('mutable', () => mutables.label(cap));
    await mutables.write(held, cap, before, content);
    return;
  }
  const before = await readingFrom('mutable', () => mutables.read(cap));
  const merged = Buffer.alloc(Math.max(before.content.length, offset + content.length));
  before.content.copy(merged);
  content.copy(merged, offset);
  await mutables.write(held, cap, before, merged);
}
