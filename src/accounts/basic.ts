// Reads name and password from an Authorization header (HTTP Basic, RFC 7617). Says nothing of whether they are right.
export interface Credentials {
  readonly name: string;
  readonly password: string;
}

// Far more than any name and password need; what a header may hold is more.
const CREDENTIALS_MAX_CHARS = 4_096;

/** Name and password of an Authorization header, in NFC; undefined where it is no well-formed Basic one. */
export function parseBasic(authorization: string | undefined): Credentials | undefined {
  const match = /^basic +([A-Za-z0-9+/]+)={0,2} *$/i.exec(authorization ?? '');
  const base64 = match?.[1];
  if (base64 === undefined || base64.length > CREDENTIALS_MAX_CHARS || base64.length % 4 === 1) {
    return undefined;
  }
  const text = decodeText(Buffer.from(base64, 'base64'));
  const colon = text.indexOf(':');
  // RFC 7617 section 2: no control characters; the first colon ends the name, later ones belong to the password.
  if (colon < 0 || /\p{Cc}/u.test(text)) {
    return undefined;
  }
  return {
    name: text.slice(0, colon).normalize('NFC'),
    password: text.slice(colon + 1).normalize('NFC'),
  };
}

/** The challenge asks for UTF-8; clients that ignore it send Latin-1, which is hardly ever valid UTF-8. */
function decodeText(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return bytes.toString('latin1');
  }
}
