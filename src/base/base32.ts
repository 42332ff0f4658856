// Base32 as caps write it: the alphabet of RFC 4648 in lower case, no padding, one text for each byte string.

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const VALUES: ReadonlyMap<string, number> = new Map([...ALPHABET].map((letter, value) => [letter, value]));

export function encodeBase32(bytes: Buffer): string {
  let text = '';
  let pending = 0;
  let pendingBits = 0;
  for (const byte of bytes) {
    pending = (pending << 8) | byte;
    pendingBits += 8;
    while (pendingBits >= 5) {
      pendingBits -= 5;
      text += ALPHABET.charAt((pending >> pendingBits) & 31);
    }
    pending &= (1 << pendingBits) - 1;
  }
  return pendingBits > 0 ? text + ALPHABET.charAt((pending << (5 - pendingBits)) & 31) : text;
}

/** The bytes, or undefined where `text` is not exactly what encodeBase32 gives for some bytes. */
export function decodeBase32(text: string): Buffer | undefined {
  const bytes = Buffer.alloc(Math.floor((text.length * 5) / 8));
  let length = 0;
  let pending = 0;
  let pendingBits = 0;
  for (const letter of text) {
    const value = VALUES.get(letter);
    if (value === undefined) {
      return undefined;
    }
    pending = (pending << 5) | value;
    pendingBits += 5;
    if (pendingBits >= 8) {
      pendingBits -= 8;
      bytes[length] = pending >> pendingBits;
      length += 1;
    }
    pending &= (1 << pendingBits) - 1;
  }
  // Left-over bits must be zero and fewer than a letter's, or two texts would mean the same bytes.
  return pending === 0 && pendingBits < 5 ? bytes : undefined;
}
