// URL paths: from what a client sent to names, and from names to what every client can follow.
import { FsError } from '../base/errors.ts';
import type { TreePath } from '../base/path.ts';
import { shownName, treeName } from './names.ts';

/** The path part of a URL, decoded: what the client calls things, not yet what the tree calls them. */
export interface UrlPath {
  readonly names: readonly string[];
  /** It ended in a slash. */
  readonly isCollection: boolean;
}

const PLAIN = /^[A-Za-z0-9._~-]*$/;
const UNPAIRED = /\p{Surrogate}/gu;

/**
 * One name, percent-encoded but for RFC 3986's unreserved characters: macOS splits an href at `&amp;`, and `#`, `?`
 * and `%` would change its meaning.
 */
export function encodeName(name: string): string {
  return PLAIN.test(name)
    ? name
    : encodeURIComponent(name.replace(UNPAIRED, '\uFFFD')).replace(
        /[!'()*]/g,
        (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
      );
}

/** The href of `names` below `baseUrl` (empty or `/prefix`). */
export function hrefOf(baseUrl: string, names: readonly string[], isCollection: boolean): string {
  const path = names.map((name) => `/${encodeName(name)}`).join('');
  return `${baseUrl}${path}${isCollection ? '/' : ''}`;
}

/**
 * Takes the path of a request target or of a Destination apart (no scheme, no host; a query is cut off).
 * Throws bad-request for what can't name anything without a doubt: broken escapes, an encoded separator or NUL, dot
 * segments. Repeated slashes count as one.
 */
export function parseUrlPath(target: string): UrlPath {
  const query = target.indexOf('?');
  const raw = query < 0 ? target : target.slice(0, query);
  if (!raw.startsWith('/') || /[\\#\0]|%2f|%5c|%00/i.test(raw)) {
    throw malformed('the path in the url has a character that can not be in one');
  }
  const names = raw
    .split('/')
    .filter((segment) => segment !== '')
    .map(decodeSegment);
  if (names.some((name) => name === '.' || name === '..')) {
    throw malformed('the path in the url has a dot segment');
  }
  return { names, isCollection: raw.endsWith('/') };
}

function malformed(message: string, cause?: unknown): FsError {
  return new FsError('bad-request', message, { cause });
}

/** Node hands header and target bytes over as Latin-1; names that a client left unencoded are UTF-8 all the same. */
function decodeSegment(segment: string): string {
  try {
    const text = /[\x80-\xff]/.test(segment)
      ? new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(segment, 'latin1'))
      : segment;
    return text.includes('%') ? decodeURIComponent(text) : text;
  } catch (error) {
    throw malformed('the path in the url is not percent-encoded utf-8', error);
  }
}

/** What the tree calls the thing that a client calls `names`; undefined when that can't name anything. */
export function treePathOf(names: readonly string[]): TreePath | undefined {
  const path: string[] = [];
  for (const [index, name] of names.entries()) {
    const inTree = treeName(name, index === 0);
    if (inTree === undefined) {
      return undefined;
    }
    path.push(inTree);
  }
  return path;
}

/** The reverse of `treePathOf`. */
export function shownPathOf(path: TreePath): readonly string[] {
  return path.map((name, index) => shownName(name, index === 0));
}
