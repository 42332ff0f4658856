// PUT: the body becomes the file, or with Content-Range a part of it; whole or not at all.
import { FsError } from '../../base/errors.ts';
import type { Exchange } from '../exchange.ts';
import { keptMediaType } from '../media-types.ts';
import { contentRangePart } from '../part.ts';
import { storeBody } from '../store-body.ts';

export async function put(exchange: Exchange): Promise<void> {
  if (exchange.url.isCollection) {
    throw new FsError('is-directory', 'a collection can not be written to');
  }
  const path = exchange.writePath();
  const contentType = keptMediaType(path.at(-1) ?? '', exchange.header('content-type'));
  const announcedBytes = announcedLength(exchange);
  const range = exchange.header('content-range');
  if (range === undefined) {
    await storeBody(exchange, path, { expectedBytes: announcedBytes, contentType });
    return;
  }
  // RFC 9110, 14.5: a server that stored the part as the whole would destroy the rest.
  const { lengthBytes, startIn } = contentRangePart(range);
  if (announcedBytes !== undefined && announcedBytes !== lengthBytes) {
    throw new FsError('bad-request', 'the body has not the length of the range that it is to fill');
  }
  await storeBody(exchange, path, { expectedBytes: lengthBytes, partStart: startIn });
}

/** Bytes that have to come. Finder sends chunks and announces their sum in a header of its own. */
function announcedLength(exchange: Exchange): number | undefined {
  const text = exchange.header('content-length') ?? exchange.header('x-expected-entity-length') ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
