// What a request says about the state it expects: If-Match, If-None-Match, the dates, If-Range, Range. Pure.
// Order and comparison are RFC 9110's (13.1, 13.2.2, 14.2).
import type { ByteRange } from '../base/ranges.ts';
import { parseHttpDate } from './dates.ts';

/** The validators of what stands at a name. */
export interface Validators {
  /** Strong, with its quotes; undefined where none is known. */
  readonly etag: string | undefined;
  /** As it is sent in Last-Modified: whole seconds, not in the future. */
  readonly lastModifiedMs: number;
}

/** The headers that conditions are read from, names in lower case. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

export type Verdict = 'proceed' | 'not-modified' | 'failed';

function headerText(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : value?.join(', ');
}

/** Joplin and others send unquoted words: each is simply one more tag that matches nothing of ours. */
function entityTags(list: string): readonly string[] {
  return list.match(/(?:W\/)?"[^"]*"|[^\s,]+/g) ?? [];
}

function isListed(list: string, current: Validators | undefined, mayBeWeak: boolean): boolean {
  if (list.trim() === '*') {
    return current !== undefined;
  }
  const etag = current?.etag;
  return (
    etag !== undefined && entityTags(list).some((tag) => tag === etag || (mayBeWeak && tag === `W/${etag}`))
  );
}

/** A star among tags is malformed, and a write that meant it must not overwrite what is there. */
function isExcluded(list: string, current: Validators | undefined, isRead: boolean): boolean {
  const hasStar = !isRead && current !== undefined && entityTags(list).includes('*');
  return hasStar || isListed(list, current, true);
}

function isExpectedState(headers: Headers, current: Validators | undefined): boolean {
  const match = headerText(headers, 'if-match');
  if (match !== undefined) {
    return isListed(match, current, false);
  }
  const since = parseHttpDate(headerText(headers, 'if-unmodified-since') ?? '');
  return since === undefined || current === undefined || current.lastModifiedMs <= since;
}

/** `current`: what stands at the name, undefined for nothing. `isRead`: GET and HEAD. */
export function checkConditions(headers: Headers, current: Validators | undefined, isRead: boolean): Verdict {
  if (!isExpectedState(headers, current)) {
    return 'failed';
  }
  const noneMatch = headerText(headers, 'if-none-match');
  if (noneMatch !== undefined) {
    return isExcluded(noneMatch, current, isRead) ? (isRead ? 'not-modified' : 'failed') : 'proceed';
  }
  const since = isRead ? parseHttpDate(headerText(headers, 'if-modified-since') ?? '') : undefined;
  return since !== undefined && current !== undefined && current.lastModifiedMs <= since
    ? 'not-modified'
    : 'proceed';
}

/**
 * True when a Range counts: no If-Range, or one that names exactly what is here. A date does only once it is a strong
 * validator, that is when it lies a second back (Finder resumes with it).
 */
export function isRangeWanted(headers: Headers, current: Validators, nowMs: number): boolean {
  const condition = headerText(headers, 'if-range')?.trim();
  if (condition === undefined) {
    return true;
  }
  const date = parseHttpDate(condition);
  return date === undefined
    ? condition === current.etag
    : date === current.lastModifiedMs && nowMs - date >= 1000;
}

/**
 * The one range that `header` asks for of `sizeBytes` bytes; `whole` when it is to be ignored (junk, another unit, an empty
 * file, several ranges, which may be answered whole); `unsatisfiable` when nothing it asks for is there.
 */
export function requestedRange(header: string, sizeBytes: number): ByteRange | 'whole' | 'unsatisfiable' {
  const list = /^\s*bytes\s*=(.*)$/i.exec(header)?.[1];
  if (list === undefined || sizeBytes === 0) {
    return 'whole';
  }
  const ranges = list.split(',').map((part) => rangeOf(part, sizeBytes));
  if (ranges.includes(undefined)) {
    return 'whole';
  }
  const present = ranges.filter((range) => range !== undefined && range.start < range.end);
  const [range] = present;
  return range === undefined ? 'unsatisfiable' : present.length === 1 ? range : 'whole';
}

/** One range of the header, cut to the file and empty where nothing of it is there; undefined for junk. */
function rangeOf(part: string, sizeBytes: number): ByteRange | undefined {
  const [, first, last] = /^(\d*)-(\d*)$/.exec(part.trim()) ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) {
    return undefined;
  }
  if (first === '') {
    return { start: Math.max(0, sizeBytes - Number(last)), end: sizeBytes };
  }
  if (last !== '' && Number(last) < Number(first)) {
    return undefined;
  }
  return { start: Number(first), end: last === '' ? sizeBytes : Math.min(sizeBytes, Number(last) + 1) };
}
