// What a request may say of its own size and form before a byte of its body is read. Node's parser refuses both
// lengths at once, unlike lengths and malformed chunks (400); what it lets pass is refused here.
import type { IncomingMessage } from 'node:http';
import { type Refusal, refusal } from './refusal.ts';

// An XML body of WebDAV's has some hundred bytes; dead properties are bounded far below this.
const BODY_MAX_BYTES = 1024 * 1024;

/** Methods that have no business here at all; what a collection or file allows is the WebDAV side's to say. */
const REFUSED_METHODS: ReadonlySet<string> = new Set(['CONNECT', 'TRACE']);

/** Those that bring contents of files: of any length, and invited by the handler, after its checks. */
export const UPLOADS: ReadonlySet<string> = new Set(['PUT', 'PATCH']);

export function checkFraming(request: IncomingMessage): Refusal | undefined {
  if (request.httpVersionMajor !== 1) {
    return refusal(505, 'HTTP/1.1 is spoken here', { Connection: 'close' });
  }
  if (REFUSED_METHODS.has(request.method ?? '')) {
    return refusal(405, 'this method is not allowed', { Allow: 'OPTIONS, GET, HEAD, PROPFIND' });
  }
  // Node keeps the first of several Host headers; a proxy in front may have looked at the last.
  if (countHeader(request, 'host') > 1) {
    return refusal(400, 'there is more than one Host header', { Connection: 'close' });
  }
  const encoding = request.headers['transfer-encoding'];
  if (encoding !== undefined && encoding.trim().toLowerCase() !== 'chunked') {
    // RFC 9112 section 6.1: an encoding that isn't understood; where its body ends is not known.
    return refusal(501, 'no transfer encoding but chunked is understood', { Connection: 'close' });
  }
  if (encoding !== undefined && request.httpVersionMinor === 0) {
    // RFC 9112 section 6.1: there are none in HTTP/1.0, and a proxy that knows it sees the body end elsewhere.
    return refusal(400, 'HTTP/1.0 has no transfer encodings', { Connection: 'close' });
  }
  const lengthBytes = Number(request.headers['content-length'] ?? 0);
  const maxBytes = UPLOADS.has(request.method ?? '') ? Number.MAX_SAFE_INTEGER : BODY_MAX_BYTES;
  if (!Number.isSafeInteger(lengthBytes) || lengthBytes > maxBytes) {
    return refusal(413, 'the body is too large');
  }
  return undefined;
}

function countHeader(request: IncomingMessage, name: string): number {
  let count = 0;
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    if (request.rawHeaders[index]?.toLowerCase() === name) {
      count += 1;
    }
  }
  return count;
}
