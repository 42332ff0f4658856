// Child names as clients see them. Most are shown as they are; a name that can't travel in a URL or in XML, or that
// would hide behind a reserved path, is shown under another name, and every shown name leads back to one name only.
//
//   shown = "␛" + the name with each offending character and "%" percent-encoded (UTF-8)
//
// The empty name is "␛" alone, "." and ".." have their dots encoded, "-" in the root is "␛-", and a name that
// itself begins with "␛" is treated as an offending one, so that the mark never means two things.

const MARK = '\u241B';
const OFFENDING = /[\0-\x1f\x7f/\\]/;
const ENCODED = /[\0-\x1f\x7f/\\%]/g;

function percent(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

/** The name that clients see for the child `name`; `isInRoot`: "-" is the server's own there. */
export function shownName(name: string, isInRoot: boolean): string {
  if (name === '' || (isInRoot && name === '-')) {
    return MARK + name;
  }
  if (name === '.' || name === '..') {
    return MARK + name.replaceAll('.', '%2E');
  }
  if (OFFENDING.test(name) || name.startsWith(MARK)) {
    return MARK + name.replace(ENCODED, percent);
  }
  return name;
}

/** The child that a shown name stands for; undefined when no child is ever shown under it. */
export function treeName(shown: string, isInRoot: boolean): string | undefined {
  const name = shown.startsWith(MARK) ? decodeAll(shown.slice(MARK.length)) : shown;
  return name !== undefined && shownName(name, isInRoot) === shown ? name : undefined;
}

function decodeAll(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined; // a lone "%": no shown name has one
  }
}
