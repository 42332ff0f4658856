// The If header (RFC 4918, 10.4): parsed and judged. Pure; what stands where is told by the caller.
//
//   If            = 1*List | 1*( "<" resource ">" 1*List )
//   List          = "(" 1*( ["Not"] ( "<" state token ">" | "[" entity tag "]" ) ) ")"
import { FsError } from '../base/errors.ts';

export type IfCondition =
  | { readonly kind: 'token'; readonly isNegated: boolean; readonly token: string }
  | { readonly kind: 'etag'; readonly isNegated: boolean; readonly etag: string };

export interface IfList {
  /** URL or path that the list is about; undefined: what the request itself names. */
  readonly resource: string | undefined;
  readonly conditions: readonly IfCondition[];
}

/** True as a whole when all conditions of one list are. */
export type IfHeader = readonly IfList[];

/** What a resource has that can be asked for. */
export interface ResourceState {
  readonly etag: string | undefined;
  /** Tokens of the locks that cover it. */
  readonly tokens: ReadonlySet<string>;
}

// One word of the header: "(", ")", "Not", "<...>", "[...]". An entity tag may hold anything but a quote.
const WORD = /\s*(?:(\()|(\))|(not)(?![^\s<[])|<([^<>\s]+)>|\[\s*((?:W\/)?"[^"]*"|[^\s"[\]]+)\s*\])/iy;

type Word = { readonly kind: '(' | ')' | 'not' } | { readonly kind: 'url' | 'etag'; readonly text: string };

function words(text: string): readonly Word[] {
  const found: Word[] = [];
  const pattern = new RegExp(WORD);
  const end = text.trimEnd().length;
  while (pattern.lastIndex < end) {
    const match = pattern.exec(text);
    if (match === null) {
      throw malformed();
    }
    const [, open, close, , url, etag] = match;
    if (url !== undefined) {
      found.push({ kind: 'url', text: url });
    } else if (etag !== undefined) {
      found.push({ kind: 'etag', text: etag });
    } else {
      found.push({ kind: open ? '(' : close ? ')' : 'not' });
    }
  }
  return found;
}

function malformed(): FsError {
  return new FsError('bad-request', 'the if header is malformed');
}

/** Throws bad-request for anything that the grammar doesn't make. */
export function parseIfHeader(text: string): IfHeader {
  const rest = [...words(text)].reverse();
  const isTagged = rest.at(-1)?.kind === 'url';
  const lists: IfList[] = [];
  do {
    const resource = isTagged ? tag(rest.pop()) : undefined;
    do {
      lists.push({ resource, conditions: list(rest) });
    } while (rest.at(-1)?.kind === '(');
  } while (rest.length > 0);
  return lists;
}

function tag(word: Word | undefined): string {
  if (word?.kind !== 'url') {
    throw malformed();
  }
  return word.text;
}

/** Takes one list off the end of `rest`, which is in reverse. */
function list(rest: Word[]): readonly IfCondition[] {
  const conditions: IfCondition[] = [];
  if (rest.pop()?.kind !== '(') {
    throw malformed();
  }
  do {
    let word = rest.pop();
    const isNegated = word?.kind === 'not';
    word = isNegated ? rest.pop() : word;
    if (word?.kind === 'url') {
      conditions.push({ kind: 'token', isNegated, token: word.text });
    } else if (word?.kind === 'etag') {
      conditions.push({ kind: 'etag', isNegated, etag: word.text });
    } else {
      throw malformed();
    }
  } while (rest.at(-1)?.kind !== ')');
  rest.pop();
  return conditions;
}

/** Every state token that the header names, in whatever way: submitting one is naming it (RFC 4918, 10.4.1). */
export function submittedTokens(header: IfHeader): ReadonlySet<string> {
  return new Set(
    header.flatMap((list) =>
      list.conditions.flatMap((condition) => (condition.kind === 'token' ? [condition.token] : [])),
    ),
  );
}

/** `stateOf` tells of each resource named (undefined: the request's own) what it has now. */
export function isIfTrue(
  header: IfHeader,
  stateOf: (resource: string | undefined) => ResourceState,
): boolean {
  return header.some((list) => {
    const state = stateOf(list.resource);
    return list.conditions.every((condition) => {
      // Entity tags compare strongly: a weak one never equals what we hand out.
      const holds =
        condition.kind === 'token' ? state.tokens.has(condition.token) : state.etag === condition.etag;
      return holds !== condition.isNegated;
    });
  });
}
