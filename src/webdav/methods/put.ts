// PUT: the body becomes the file, whole or not at all.
import { FsError } from '../../base/errors.ts';
import type { WriteOptions } from '../../inode/tree.ts';
import { sendEmpty } from '../answers.ts';
import { httpDate, parseSeconds, settableTime } from '../dates.ts';
import type { Exchange } from '../exchange.ts';
import { beginChange, guardOf, validatorsOf } from '../guards.ts';
import { keptMediaType } from '../media-types.ts';
import { UploadBody } from '../request-body.ts';
import { Refusal } from '../status.ts';

export async function put(exchange: Exchange): Promise<void> {
  if (exchange.url.isCollection) {
    throw new FsError('is-directory', 'a collection can not be written to');
  }
  const path = exchange.writePath();
  if (exchange.header('content-range') !== undefined) {
    // RFC 9110, 14.5: a server that stored the part as the whole would destroy the rest.
    throw new FsError('bad-request', 'a part of a file can not be stored');
  }
  const encoding = exchange.header('content-encoding')?.toLowerCase() ?? 'identity';
  if (encoding !== 'identity') {
    // RFC 9110, 8.4: whoever reads it would have to be told, and nobody keeps that.
    throw new Refusal(415, 'a file is stored as it comes, without a content encoding', {
      headers: { 'Accept-Encoding': 'identity' },
    });
  }
  const guard = await guardOf(exchange);
  using change = await beginChange(exchange, [{ path, fate: 'written' }]);
  const body = new UploadBody(exchange.request);
  const modifiedAtMs = sentTime(exchange);
  const expectedBytes = expectedLength(exchange);
  const contentType = keptMediaType(path.at(-1) ?? '', exchange.header('content-type'));
  const options: WriteOptions = {
    guard: (current) => {
      guard(current);
      change.check(current === undefined);
    },
    lastWord: change.admit,
    signal: exchange.signal,
    onAccepted: () => exchange.inviteBody(),
    ...(expectedBytes === undefined ? {} : { expectedBytes }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(modifiedAtMs === undefined ? {} : { modifiedAtMs }),
  };
  try {
    const { isNew, resource } = await exchange.parts.files.write(path, body, options);
    const { etag, lastModifiedMs } = validatorsOf(resource, exchange.parts.clock.now());
    sendEmpty(exchange, isNew ? 201 : 204, {
      ...(etag === undefined ? {} : { ETag: etag }),
      'Last-Modified': httpDate(lastModifiedMs),
      ...(modifiedAtMs === undefined ? {} : { 'X-OC-Mtime': 'accepted' }),
    });
  } finally {
    body.destroy();
  }
}

/** Bytes that have to come. Finder sends chunks and announces their sum in a header of its own. */
function expectedLength(exchange: Exchange): number | undefined {
  const text = exchange.header('content-length') ?? exchange.header('x-expected-entity-length') ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** The modification time that rclone and the ownCloud family send along. */
function sentTime(exchange: Exchange): number | undefined {
  return settableTime(parseSeconds(exchange.header('x-oc-mtime') ?? ''));
}
