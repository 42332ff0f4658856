// The Range header as a Tahoe node reads it (pure). Clients of real nodes guard against its oddities, so they are
// kept: a range that begins past the end and has no end is ignored, of several ranges only the first is served.

export type RangeAnswer =
  /** The header says nothing that can be understood: the whole file, 200. */
  | { readonly kind: 'whole' }
  /** 206; `end` is exclusive. `contentRange` may name an empty range of an empty file. */
  | { readonly kind: 'part'; readonly start: number; readonly end: number; readonly contentRange: string }
  /** 416. */
  | { readonly kind: 'beyond' };

function parseInteger(text: string): number | undefined {
  return /^\s*[+-]?[0-9]+\s*$/.test(text) ? Number(text) : undefined;
}

/** First and last byte, inclusive; undefined where it makes no sense. */
function parseOne(text: string, sizeBytes: number): { first: number; last: number } | undefined {
  const dash = text.indexOf('-');
  if (dash < 0) {
    return undefined;
  }
  const before = text.slice(0, dash);
  const after = text.slice(dash + 1);
  const suffix = parseInteger(after);
  const first = before === '' ? suffix !== undefined && sizeBytes - suffix : parseInteger(before);
  const last = before === '' || after === '' ? sizeBytes - 1 : suffix;
  return first === false || first === undefined || last === undefined || last < first
    ? undefined
    : { first, last };
}

/** What `header` asks of a file of `sizeBytes`. */
export function answerRange(header: string | undefined, sizeBytes: number): RangeAnswer {
  if (!header?.startsWith('bytes=')) {
    return { kind: 'whole' };
  }
  const parsed = header
    .slice('bytes='.length)
    .split(',')
    .map((part) => parseOne(part.trim(), sizeBytes));
  const wanted = parsed[0];
  if (!wanted || parsed.includes(undefined)) {
    return { kind: 'whole' };
  }
  if (wanted.first >= sizeBytes) {
    return { kind: 'beyond' };
  }
  const start = Math.max(0, wanted.first);
  const last = Math.min(sizeBytes - 1, wanted.last);
  return { kind: 'part', start, end: last + 1, contentRange: `bytes ${start}-${last}/${sizeBytes}` };
}
