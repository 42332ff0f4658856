// gzip for answers that are text: whether a client takes it, and how it is made. In zlib's threads, at the least effort and with
// less memory than by itself (100 KB a stream): listings repeat themselves within some hundred bytes.
import { promisify } from 'node:util';
import { createGzip, type Gzip, gzip, type ZlibOptions } from 'node:zlib';

/** Below this a packet is a packet. */
const MIN_BYTES = 1024;

/** Of what is sent with gzip to those who take it, and of what is. */
export const VARY: Readonly<Record<string, string>> = { Vary: 'Accept-Encoding' };
export const GZIPPED: Readonly<Record<string, string>> = { ...VARY, 'Content-Encoding': 'gzip' };

const OPTIONS: ZlibOptions = { level: 1, windowBits: 13, memLevel: 7 };
const STREAM: ZlibOptions & { readonly highWaterMark: number } = {
  ...OPTIONS,
  chunkSize: 64 * 1024,
  highWaterMark: 128 * 1024,
};

const gzipWhole = promisify<Buffer, ZlibOptions, Buffer>(gzip);

/** A short text as it leaves, with the headers that say how; packed where that is worth it. */
export async function packed(
  text: Buffer,
  isAccepted: boolean,
): Promise<{ readonly body: Buffer; readonly headers: Readonly<Record<string, string>> }> {
  return isAccepted && text.length >= MIN_BYTES
    ? { body: await gzipWhole(text, OPTIONS), headers: GZIPPED }
    : { body: text, headers: VARY };
}

export function gzipStream(): Gzip {
  return createGzip(STREAM);
}

/** What an Accept-Encoding header says of gzip (RFC 9110, 12.5.3); no header: it is not asked for, so no. */
export function acceptsGzip(header: string | undefined): boolean {
  if (header === undefined) {
    return false;
  }
  const weights = new Map<string, number>();
  for (const item of header.toLowerCase().split(',')) {
    const [coding = '', ...parameters] = item.split(';').map((part) => part.trim());
    weights.set(coding === 'x-gzip' ? 'gzip' : coding, weightOf(parameters));
  }
  const weight = weights.get('gzip') ?? weights.get('*') ?? 0;
  return weight > 0 && weight >= (weights.get('identity') ?? 0);
}

/** 0 for what is no weight. */
function weightOf(parameters: readonly string[]): number {
  const text = parameters.find((one) => /^q\s*=/.test(one));
  const digits = /^q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.exec(text ?? 'q=1')?.[1];
  return Number(digits ?? 0);
}
