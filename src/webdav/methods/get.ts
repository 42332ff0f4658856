// GET and HEAD: a file or a range of it, or a page that lists a collection. What is promised in the head is sent whole,
// or the connection breaks: never a short answer that looks whole.
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { FsError, hasCode, internalError, systemCode } from '../../base/errors.ts';
import { VARY } from '../../base/gzip.ts';
import { type ByteRange, rangeLength } from '../../base/ranges.ts';
import type { OpenFile } from '../../inode/tree.ts';
import { sendEmpty, sendWhole, startAnswer } from '../answers.ts';
import { reprDigest } from '../checksums.ts';
import { checkConditions, isRangeWanted, requestedRange, type Validators } from '../conditions.ts';
import { httpDate } from '../dates.ts';
import { clientGone, type Exchange } from '../exchange.ts';
import { ifGuardOf, validatorsOf } from '../guards.ts';
import { LISTING_HEADERS, LISTING_TYPE, listingPage } from '../listing-page.ts';
import { mediaType } from '../media-types.ts';
import { sendPieces } from '../send-pieces.ts';
import { Refusal } from '../status.ts';

// A stored page is foreign content on our origin: it may be looked at, but neither run scripts nor call us with the
// viewer's password. Without PDF, which browsers refuse to show in a sandbox.
const CONTENT_POLICY =
  "sandbox; default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:";

/** What pipeline fails with when the response is closed under it. */
const CLIENT_GONE: ReadonlySet<string | undefined> = new Set([
  'ABORT_ERR',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_STREAM_UNABLE_TO_PIPE',
]);

export async function get(exchange: Exchange): Promise<void> {
  try {
    await answer(exchange);
  } catch (error) {
    if (!hasCode(error, 'race') || exchange.response.headersSent) {
      throw error;
    }
    await answer(exchange); // a mutable file was written between the look at its version and its first byte
  }
}

async function answer(exchange: Exchange): Promise<void> {
  const path = exchange.readPath();
  let file: OpenFile;
  try {
    const { files } = exchange.parts;
    file = files.openAtHand(path) ?? (await files.open(path, exchange.signal));
  } catch (error) {
    if (hasCode(error, 'is-directory')) {
      await sendListing(exchange);
      return;
    }
    throw error;
  }
  if (exchange.url.isCollection) {
    throw new FsError('not-found', 'there is a file and no collection of this name');
  }
  await sendFile(exchange, file);
}

async function sendFile(exchange: Exchange, file: OpenFile): Promise<void> {
  const { headers } = exchange.request;
  const { resource } = file;
  (await ifGuardOf(exchange))(resource);
  const now = exchange.parts.clock.now();
  const validators = validatorsOf(resource, now);
  const head = validatorHeaders(validators);
  const verdict = checkConditions(headers, validators, true);
  if (verdict === 'failed') {
    throw new FsError('precondition', 'a condition of the request does not hold');
  }
  if (verdict === 'not-modified') {
    sendEmpty(exchange, 304, head);
    return;
  }
  const isHead = exchange.request.method === 'HEAD';
  const header = isHead ? undefined : exchange.header('range');
  const wanted =
    header === undefined || !isRangeWanted(headers, validators, now)
      ? 'whole'
      : requestedRange(header, resource.sizeBytes);
  if (wanted === 'unsatisfiable') {
    throw new Refusal(416, 'the file ends before this range', {
      headers: { 'Content-Range': `bytes */${resource.sizeBytes}` },
    });
  }
  const range: ByteRange = wanted === 'whole' ? { start: 0, end: resource.sizeBytes } : wanted;
  const lengthBytes = rangeLength(range);
  const isWanted = !isHead && lengthBytes > 0;
  const here = isWanted ? await file.here(range) : undefined;
  const body = isWanted && !here ? await firstBytes(file, range, exchange.signal) : undefined;
  const type = mediaType(resource.name, resource.contentType);
  const status = wanted === 'whole' ? 200 : 206;
  const answer: Record<string, string | number> = head;
  answer['Accept-Ranges'] = 'bytes';
  const digest = reprDigest(resource.checksums);
  if (digest !== undefined) {
    answer['Repr-Digest'] = digest;
  }
  answer['Content-Type'] = type;
  answer['Content-Length'] = lengthBytes;
  answer['X-Content-Type-Options'] = 'nosniff';
  if (type !== 'application/pdf') {
    answer['Content-Security-Policy'] = CONTENT_POLICY;
  }
  if (wanted !== 'whole') {
    answer['Content-Range'] = `bytes ${range.start}-${range.end - 1}/${resource.sizeBytes}`;
  }
  if (here !== undefined) {
    sendWhole(exchange, status, answer, here);
    return;
  }
  if (body?.readableLength === lengthBytes) {
    // A small file is here with its first bytes; a pipeline for it costs a third of the requests per second.
    sendWhole(exchange, status, answer, [body.read()]);
    body.on('error', () => undefined).resume(); // on to its end: all that was promised has come
    return;
  }
  startAnswer(exchange, status, answer);
  if (body !== undefined) {
    await sendBody(exchange, body, lengthBytes);
  }
}

function validatorHeaders({ etag, lastModifiedMs }: Validators): Record<string, string> {
  const headers: Record<string, string> = etag === undefined ? {} : { ETag: etag };
  headers['Last-Modified'] = httpDate(lastModifiedMs);
  headers['Cache-Control'] = 'no-cache'; // ask again each time: others write here too
  return headers;
}

/** Opens the body and waits until its first bytes are here: a failure before them still has a clean answer. */
async function firstBytes(file: OpenFile, range: ByteRange, signal: AbortSignal): Promise<Readable> {
  const body = await file.read(range, signal);
  if (body.readableLength > 0 && !body.destroyed) {
    return body;
  }
  await new Promise<void>((resolve, reject) => {
    const settled = (error?: Error): void => {
      body.off('readable', settled).off('end', settled).off('error', settled).off('close', closed);
      if (error instanceof Error) {
        reject(error);
      } else {
        resolve();
      }
    };
    const closed = (): void =>
      settled(body.errored ?? internalError('a body was closed before its first byte'));
    body.on('readable', settled).on('end', settled).on('error', settled).on('close', closed);
    if (body.destroyed) {
      closed();
    }
  });
  return body;
}

async function sendBody(exchange: Exchange, body: Readable, lengthBytes: number): Promise<void> {
  let sent = 0;
  body.on('data', (bytes: Buffer) => {
    sent += bytes.length;
  });
  // When the client goes away pipeline destroys the body; when the body fails the wrapper destroys the response.
  try {
    await pipeline(body, exchange.response, { end: false, signal: exchange.signal });
  } catch (error) {
    body.destroy(); // Node 24 doesn't where the response was closed before it began
    throw CLIENT_GONE.has(systemCode(error)) ? clientGone(error) : error;
  }
  if (sent !== lengthBytes) {
    throw internalError(`a body of ${lengthBytes} bytes ended after ${sent}`);
  }
}

async function sendListing(exchange: Exchange): Promise<void> {
  const view = await exchange.parts.files.list(exchange.readPath(), exchange.signal);
  (await ifGuardOf(exchange))(view.self);
  const head = {
    'Last-Modified': httpDate(validatorsOf(view.self, exchange.parts.clock.now()).lastModifiedMs),
  };
  if (exchange.request.method === 'HEAD') {
    startAnswer(exchange, 200, { ...head, ...LISTING_HEADERS, ...VARY, 'Content-Type': LISTING_TYPE });
    return;
  }
  await sendPieces(exchange, 200, LISTING_TYPE, listingPage(exchange, view), { ...head, ...LISTING_HEADERS });
}
