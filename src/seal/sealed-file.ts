// A file sealed under a passphrase, as text that survives mail and copying: a line that says what it is, then base64 of
//
//   byte 0       log2 N of scrypt
//   bytes 1, 2   r and p of scrypt
//   bytes 3-18   salt, random
//   bytes 19-30  nonce, random
//   then         ciphertext of AES-256-GCM, as long as the content; all that stands before it is authenticated
//   last 16      tag
import { FsError } from '../base/errors.ts';
import { openBlock, sealBlock } from './block-cipher.ts';
import { randomBytes } from './random.ts';
import { type StretchCost, stretch, stretchBytes } from './stretch.ts';

const MAGIC = 'tahoe-webdav sealed file ';
const FIRST_LINE = `${MAGIC}1`;
const LINE_LETTERS = 76;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const COST_BYTES = 3;
const SALT_END = COST_BYTES + SALT_BYTES;
const HEAD_BYTES = SALT_END + NONCE_BYTES;

// 128 MiB and about 0.4 s a guess on one core.
const COST: StretchCost = { log2N: 17, r: 8, p: 1 };
// A file made by somebody else must neither fill the memory nor take for ever; nor may it ask for less than we promise.
const LEAST_BYTES = 64 * 1024 * 1024;
const MOST_BYTES = 1024 * 1024 * 1024;
const MOST_P = 4;

/** It begins as a sealed file of any version does. */
export function isSealed(text: string): boolean {
  return plain(text).startsWith(MAGIC);
}

/** Another text each time. `bad-config` for a passphrase that is empty. */
export async function sealText(content: Buffer, passphrase: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const key = await keyOf(passphrase, salt, COST);
  const start = Buffer.concat([Buffer.of(COST.log2N, COST.r, COST.p), salt]);
  const { nonce, ciphertext, tag } = sealBlock(key, content, associated(start));
  const body = Buffer.concat([start, nonce, ciphertext, tag]).toString('base64');
  const lines = body.match(new RegExp(`.{1,${LINE_LETTERS}}`, 'g')) ?? [];
  return `${FIRST_LINE}\n${lines.join('\n')}\n`;
}

/** Throws `bad-config` for a wrong passphrase, and for what was altered: nothing can tell these two apart. */
export async function openSealed(text: string, passphrase: string): Promise<Buffer> {
  const [first = '', ...rest] = plain(text).split(/\r?\n/);
  if (first.trim() !== FIRST_LINE) {
    throw new FsError('bad-config', 'a sealed file has a version that this program does not know', {
      hint: 'it was written by a newer tahoe-webdav, or it is damaged',
    });
  }
  const body = bodyOf(rest.join(''));
  const [log2N = 0, r = 0, p = 0] = body;
  const cost = { log2N, r, p };
  checkCost(cost);
  const key = await keyOf(passphrase, body.subarray(COST_BYTES, SALT_END), cost);
  const box = {
    nonce: body.subarray(SALT_END, HEAD_BYTES),
    ciphertext: body.subarray(HEAD_BYTES, body.length - TAG_BYTES),
    tag: body.subarray(body.length - TAG_BYTES),
  };
  try {
    return openBlock(key, box, associated(body.subarray(0, SALT_END)));
  } catch (error) {
    throw new FsError('bad-config', 'the passphrase is wrong, or the sealed file was altered', {
      cause: error,
    });
  }
}

function plain(text: string): string {
  return text.replace(/^\ufeff/, '');
}

function bodyOf(base64: string): Buffer {
  const letters = base64.replace(/\s/g, '');
  const body = Buffer.from(letters, 'base64');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(letters) || body.length < HEAD_BYTES + TAG_BYTES) {
    throw new FsError('bad-config', 'a sealed file is cut short or damaged', {
      hint: 'take it from another copy',
    });
  }
  return body;
}

function checkCost(cost: StretchCost): void {
  const isKnown = cost.log2N >= 10 && cost.log2N <= 30 && cost.r > 0 && cost.p > 0 && cost.p <= MOST_P;
  const bytes = isKnown ? stretchBytes(cost) : 0;
  if (bytes < LEAST_BYTES || bytes > MOST_BYTES) {
    throw new FsError('bad-config', 'a sealed file asks for more or less work than this program does', {
      hint: 'it was not made by tahoe-webdav, or it is damaged',
    });
  }
}

/** The same letters may be typed composed or not. */
async function keyOf(passphrase: string, salt: Buffer, cost: StretchCost): Promise<Buffer> {
  if (passphrase === '') {
    throw new FsError('bad-config', 'the passphrase is empty');
  }
  return await stretch(passphrase.normalize('NFC'), salt, cost);
}

function associated(start: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${FIRST_LINE}\n`), start]);
}
