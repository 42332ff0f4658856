// A password's hash as text, in the form of the PHC strings: `$scrypt$ln=15,r=8,p=1$SALT$KEY`, base64 without padding.
import { hashPassword, type PasswordHash } from '../seal/password.ts';
import { type StretchCost, stretchBytes } from '../seal/stretch.ts';

const FORM = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;
/** What one login may take: as much memory as eight of our own, and the time of sixteen (about 2 s). */
const MOST_BYTES = 257 * 2 ** 20;
const MOST_WORK = 2 ** 22;
/** Half of our own: below it a guess costs too little. */
const LEAST_WORK = 2 ** 17;
const SALT_BYTES = { least: 16, most: 64 };
const KEY_BYTES = 32;

/** Of a new password, in NFC as logins are. */
export async function hashNewPassword(password: string): Promise<PasswordHash> {
  return await hashPassword(password.normalize('NFC'));
}

export function showPasswordHash({ log2N, r, p, salt, key }: PasswordHash): string {
  return `$scrypt$ln=${log2N},r=${r},p=${p}$${base64(salt)}$${base64(key)}`;
}

/** Undefined where it is no such text, or one that a login would take too much of this machine, or too little, for. */
export function parsePasswordHash(text: string): PasswordHash | undefined {
  const [, log2N, r, p, saltText = '', keyText = ''] = FORM.exec(text) ?? [];
  const cost = { log2N: Number(log2N), r: Number(r), p: Number(p) };
  const [salt, key] = [Buffer.from(saltText, 'base64'), Buffer.from(keyText, 'base64')];
  const isWhole =
    salt.length >= SALT_BYTES.least && salt.length <= SALT_BYTES.most && key.length === KEY_BYTES;
  return isWhole && isBearable(cost) ? { ...cost, salt, key } : undefined;
}

function isBearable(cost: StretchCost): boolean {
  const work = 2 ** cost.log2N * cost.r * cost.p;
  return work >= LEAST_WORK && work <= MOST_WORK && stretchBytes(cost) <= MOST_BYTES;
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
