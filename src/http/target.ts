// What a request's target may be. A server that normalises less than its clients, or more, serves another resource
// than was meant: so dots, escapes of separators and everything with two readings are refused, not repaired.
// Only `//` is collapsed, and absolute-form reduced to its path (RFC 9112 section 3.2).
import { URL_MAX_CHARS } from '../base/url-length.ts';
import { isRefusal, type Refusal, refusal } from './refusal.ts';

export interface Target {
  /** Decoded names; none of them is empty, `.`, `..`, or holds a separator or control character. */
  readonly segments: readonly string[];
  readonly endsWithSlash: boolean;
  /** With its question mark; empty where there is none. */
  readonly query: string;
  /** Of absolute-form: it overrides the Host header. */
  readonly authority: string | undefined;
}

/** Splits and checks the target as it stood in the request line. */
export function readTarget(method: string, target: string): Target | Refusal {
  if (target.length > URL_MAX_CHARS) {
    return refusal(414, 'the URL is too long');
  }
  if (target === '*' && method === 'OPTIONS') {
    return { segments: [], endsWithSlash: true, query: '', authority: undefined };
  }
  // A fragment is the client's own business; taken as a part of the path it would name something else.
  if (target.includes('#')) {
    return refusal(400, 'a URL in a request has no fragment');
  }
  const split = /^(?:https?:\/\/([^/?]*))?(\/[^?]*)?(\?.*)?$/i.exec(target);
  const [, authority, path = '/', query = ''] = split ?? [];
  if (!split || (authority === undefined && split[2] === undefined)) {
    return refusal(400, 'the URL does not begin with a slash');
  }
  const segments = readSegments(path);
  if (isRefusal(segments)) {
    return segments;
  }
  return { segments, endsWithSlash: path.endsWith('/'), query, authority };
}

function readSegments(path: string): readonly string[] | Refusal {
  const segments: string[] = [];
  for (const raw of path.split('/')) {
    if (raw === '') {
      continue;
    }
    let name: string;
    try {
      name = raw.includes('%') ? decodeURIComponent(raw) : raw;
    } catch {
      return refusal(400, 'the URL has a malformed escape, or one that is not UTF-8');
    }
    if (name === '.' || name === '..') {
      return refusal(400, 'the URL has a . or .. segment');
    }
    // \p{Cc} would be more than is meant: U+0080 to U+009F can stand in a name.
    if (/[/\\\u0000-\u001f\u007f]/.test(name)) {
      return refusal(400, 'the URL has a separator or control character in a name');
    }
    segments.push(name);
  }
  return segments;
}

/** The one way in which the front writes a target: what the WebDAV side gets as the request's URL. */
export function formatTarget(segments: readonly string[], endsWithSlash: boolean, query: string): string {
  const path = segments.map((name) => `/${encodeURIComponent(name)}`).join('');
  return `${path}${endsWithSlash || path === '' ? '/' : ''}${query}`;
}

/** The segments below the base, or undefined where the target lies outside of it. */
export function belowBase(
  segments: readonly string[],
  base: readonly string[],
): readonly string[] | undefined {
  return base.every((name, index) => segments[index] === name) ? segments.slice(base.length) : undefined;
}
