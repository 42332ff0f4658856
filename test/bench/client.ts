// What the comparisons ask of a server beside the timed requests: to keep a file, and to give the right bytes.
import { Readable } from 'node:stream';
import { request } from 'undici';
import { startSha256 } from '../../src/seal/hash.ts';
import { contentHash, contentOf } from './content.ts';
import { type Got, RawConnection } from './raw-connection.ts';

/** Generous: a large file may take a slow node minutes. */
const TIMEOUT_MS = 900_000;

/** Gives the answer's text. */
export async function ask(
  method: string,
  url: string,
  body?: string | Buffer | Readable,
  bytes = 0,
): Promise<string> {
  const answer = await request(url, {
    method: method as 'PUT',
    headers: body instanceof Readable ? { 'content-length': String(bytes) } : {},
    body: body ?? null,
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  });
  const text = await answer.body.text();
  if (answer.statusCode >= 300) {
    throw new Error(`${method} ${new URL(url).origin}: ${answer.statusCode} ${text.slice(0, 200)}`);
  }
  return text;
}

/** Sends file `number` of content.ts; gives the answer's text. */
export function putContent(url: string, number: number, sizeBytes: number): Promise<string> {
  return ask('PUT', url, Readable.from(contentOf(number, sizeBytes), { objectMode: false }), sizeBytes);
}

/** A GET on a connection of its own. Throws where status or length are not as wanted. */
export async function getOnce(
  url: string,
  sizeBytes: number,
  onBody?: (bytes: Buffer) => void,
): Promise<Got> {
  using connection = new RawConnection(url);
  return checked(await connection.get(new URL(url).pathname, '', onBody), 200, sizeBytes);
}

export function checked(got: Got, status: number, sizeBytes: number): Got {
  if (got.status !== status || got.bytes !== sizeBytes) {
    throw new Error(`an answer ${got.status} of ${got.bytes} bytes instead of ${status} of ${sizeBytes}`);
  }
  return got;
}

/** GETs `url` and throws unless it is file `number`, byte for byte. */
export async function verifyContent(url: string, number: number, sizeBytes: number): Promise<void> {
  const hash = startSha256();
  await getOnce(url, sizeBytes, (bytes) => hash.update(bytes));
  if (hash.digest('hex') !== contentHash(number, sizeBytes)) {
    throw new Error(`wrong bytes in an answer of ${sizeBytes} bytes`);
  }
}
