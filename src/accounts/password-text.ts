// A password's hash as text, in the form of the PHC strings: `$scrypt$ln=15,r=8,p=1$SALT$KEY`, base64 without padding.
import { hashPassword, type PasswordHash } from '../seal/password.ts';

const FORM = /^\$scrypt\$ln=(\d{1,2}),r=8,p=1\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;
/** Above this each login would take gigabytes of memory, below it a guess costs nothing. */
const LOG2_N = { least: 14, most: 20 };
const LEAST_BYTES = 16;

/** Of a new password, in NFC as logins are. */
export async function hashNewPassword(password: string): Promise<PasswordHash> {
  return await hashPassword(password.normalize('NFC'));
}

export function showPasswordHash({ log2N, salt, key }: PasswordHash): string {
  return `$scrypt$ln=${log2N},r=8,p=1$${base64(salt)}$${base64(key)}`;
}

/** Undefined where it is no such text, or one whose parameters are none that we would use. */
export function parsePasswordHash(text: string): PasswordHash | undefined {
  const [, ln = '', salt = '', key = ''] = FORM.exec(text) ?? [];
  const hash = { log2N: Number(ln), salt: Buffer.from(salt, 'base64'), key: Buffer.from(key, 'base64') };
  const isUsable = hash.log2N >= LOG2_N.least && hash.log2N <= LOG2_N.most && hash.salt.length >= LEAST_BYTES;
  return isUsable && hash.key.length === 32 ? hash : undefined;
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
