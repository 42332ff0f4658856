// A request's body becomes a file or a part of one, after the conditions of the request and the locks were asked.
import type { TreePath } from '../base/path.ts';
import type { Resource, WriteOptions } from '../inode/tree.ts';
import { sendEmpty } from './answers.ts';
import { CheckedBody, expectedChecksums, ownCloudChecksums } from './checksums.ts';
import { httpDate, parseSeconds, settableTime } from './dates.ts';
import type { Exchange } from './exchange.ts';
import { beginChange, guardOf, validatorsOf } from './guards.ts';
import { UploadBody } from './request-body.ts';
import { Refusal } from './status.ts';

export interface BodyFate {
  /** Undefined = unknown. */
  readonly expectedBytes: number | undefined;
  readonly contentType?: string | undefined;
  /** As in WriteOptions. */
  readonly partStart?: ((sizeBytes: number) => number) | undefined;
  /** Says no by throwing to what stands there; asked after the conditions of the request. */
  readonly mayReplace?: (current: Resource | undefined) => void;
}

/** Answers 201 or 204. */
export async function storeBody(exchange: Exchange, path: TreePath, fate: BodyFate): Promise<void> {
  const { expectedBytes, contentType, partStart, mayReplace } = fate;
  const encoding = exchange.header('content-encoding')?.toLowerCase() ?? 'identity';
  if (encoding !== 'identity') {
    // RFC 9110, 8.4: whoever reads it would have to be told, and nobody keeps that.
    throw new Refusal(415, 'a file is stored as it comes, without a content encoding', {
      headers: { 'Accept-Encoding': 'identity' },
    });
  }
  const expected = expectedChecksums(exchange, partStart !== undefined);
  const modifiedAtMs = sentTime(exchange);
  const guard = await guardOf(exchange);
  using change = await beginChange(exchange, [{ path, fate: 'written' }]);
  const body = new UploadBody(exchange.request);
  // Who sends one of these asks for both checksums later, and believes a file to be another where it gets none.
  const isChecked =
    exchange.header('oc-checksum') !== undefined || exchange.header('x-oc-mtime') !== undefined;
  const checked = new CheckedBody(
    body,
    expected,
    isChecked && partStart === undefined ? ['md5', 'sha1'] : [],
  );
  const options: WriteOptions = {
    guard: (current) => {
      guard(current);
      mayReplace?.(current);
      change.check(current === undefined);
    },
    lastWord: change.admit,
    signal: exchange.signal,
    onAccepted: () => exchange.inviteBody(),
    ...(partStart === undefined ? { checksums: () => checked.checksums() } : { partStart }),
    ...(expectedBytes === undefined ? {} : { expectedBytes }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(modifiedAtMs === undefined ? {} : { modifiedAtMs }),
  };
  try {
    const { isNew, resource } = await exchange.parts.files.write(path, checked.stream, options);
    const { etag, lastModifiedMs } = validatorsOf(resource, exchange.parts.clock.now());
    const checksum = isChecked ? ownCloudChecksums(resource.checksums ?? {}) : undefined;
    sendEmpty(exchange, isNew ? 201 : 204, {
      ...(etag === undefined ? {} : { ETag: etag }),
      'Last-Modified': httpDate(lastModifiedMs),
      ...(modifiedAtMs === undefined ? {} : { 'X-OC-Mtime': 'accepted' }),
      ...(checksum === undefined ? {} : { 'OC-Checksum': checksum }),
    });
  } finally {
    body.destroy();
  }
}

/** The modification time that rclone and the ownCloud family send along. */
function sentTime(exchange: Exchange): number | undefined {
  return settableTime(parseSeconds(exchange.header('x-oc-mtime') ?? ''));
}
