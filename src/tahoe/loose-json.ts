// JSON as a node writes it: Python's, with numbers that JSON lacks. A foreign writer's `1e400` comes back as Infinity;
// such numbers read as null instead of breaking the whole text.
import { FsError } from '../base/errors.ts';

export function parseLooseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Only outside of strings: the first alternative steps over those.
    const repaired = text.replace(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, (token) =>
      token.startsWith('"') ? token : 'null',
    );
    try {
      return JSON.parse(repaired);
    } catch {
      // Without the cause: a parser's message quotes the text, and that holds caps.
      throw new FsError('unavailable', 'the node answered something that is no json');
    }
  }
}

/** The fields of an object; none of anything else. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}
