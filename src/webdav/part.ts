// Where a part of a file goes: PUT with Content-Range (RFC 9110, 14.5) and PATCH with X-Update-Range (sabre/dav's
// http-patch). What can't be done exactly as it is said is refused.
import { FsError } from '../base/errors.ts';
import { Refusal } from './status.ts';

export interface Part {
  /** What the headers say of its length; undefined where they don't. */
  readonly lengthBytes: number | undefined;
  /** Where it begins in a file of `sizeBytes`. Throws a Refusal where it can't go anywhere. */
  readonly startIn: (sizeBytes: number) => number;
}

/** Of zeros, between the end of a file and a part far behind it: each has to be stored. */
const MAX_GAP_BYTES: number = 1024 * 1024 * 1024;

/** Of `bytes 0-9/10` or `bytes 0-9/*`. Throws bad-request for anything else. */
export function contentRangePart(text: string): Part {
  const found = /^\s*bytes\s+(\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)\s*$/i.exec(text);
  const [first, last] = [Number(found?.[1]), Number(found?.[2])];
  const end = last + 1;
  if (found === null || end <= first) {
    throw new FsError('bad-request', 'the header content-range names no part that a file can have');
  }
  const total = found[3] === '*' ? undefined : Number(found[3]);
  return {
    lengthBytes: end - first,
    startIn: (sizeBytes) => {
      if (first > sizeBytes) {
        throw new FsError(
          'bad-request',
          `the part begins behind the end of the file, which has ${sizeBytes} bytes`,
        );
      }
      if (total !== undefined && total !== Math.max(end, sizeBytes)) {
        throw new FsError(
          'bad-request',
          `with this part the file would not have the ${total} bytes that are announced`,
        );
      }
      return first;
    },
  };
}

/** Of `append`, `bytes=0-9`, `bytes=5-` and `bytes=-5`. Throws bad-request for anything else. */
export function updateRangePart(text: string): Part {
  const range = text.trim().toLowerCase();
  if (range === 'append') {
    return { lengthBytes: undefined, startIn: (sizeBytes) => sizeBytes };
  }
  const [, first = '', last = ''] = /^bytes\s*=\s*(\d{0,15})-(\d{0,15})$/.exec(range) ?? [];
  if (first === '' && last === '') {
    throw new FsError(
      'bad-request',
      'the header x-update-range is not append, bytes=0-9, bytes=5- or bytes=-5',
    );
  }
  if (first === '') {
    return { lengthBytes: undefined, startIn: (sizeBytes) => notNegative(sizeBytes - Number(last)) };
  }
  const start = Number(first);
  const lengthBytes = last === '' ? undefined : Number(last) + 1 - start;
  if (lengthBytes !== undefined && lengthBytes <= 0) {
    throw new Refusal(416, 'the range ends before it begins');
  }
  return { lengthBytes, startIn: (sizeBytes) => nearTheEnd(start, sizeBytes) };
}

function notNegative(start: number): number {
  if (start < 0) {
    throw new Refusal(416, 'the range begins before the file does');
  }
  return start;
}

function nearTheEnd(start: number, sizeBytes: number): number {
  if (start > sizeBytes + MAX_GAP_BYTES) {
    throw new Refusal(416, 'the range begins more than 1 GiB behind the end of the file');
  }
  return start;
}
