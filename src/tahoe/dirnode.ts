// A directory's JSON <-> Listing, and links -> the body of set_children and mkdir-with-children. What foreign writers
// may have stored can't break a listing: metadata that is no JSON (`1e400` comes back as Infinity) reads as null there,
// names that objects treat specially (`7`, `__proto__`) are names like any other, in the node's order.
//
// The JSON is cut into children while it arrives and parsed a page at a time: JSON.parse of 10,000 children at once
// holds the event loop for 43 ms, of 256 for about 1 ms.
import { FsError } from '../base/errors.ts';
import { normalName } from '../base/path.ts';
import { isLocalText, parseCap, readOnlyText } from './caps.ts';
import type { Child, ChildLink, EdgeMetadata, Listing } from './grid.ts';
import { fieldsOf, parseLooseJson } from './loose-json.ts';

/** Children are parsed so many at a time. */
const PAGE_CHILDREN = 256;

const TOKEN = /["{}[\],]/g;

/** Where the braces of the children open: array, object, children. */
const CHILDREN_DEPTH = 3;

const KINDS: ReadonlyMap<unknown, Child['kind']> = new Map([
  ['filenode', 'file'],
  ['dirnode', 'directory'],
]);

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Our own names of what is not on any grid are none that a directory may hold. */
function capTextOf(value: unknown): string | undefined {
  const text = textOf(value);
  return isLocalText(text) ? undefined : text;
}

function reviveChild(value: unknown): Child {
  const [type, fields] = Array.isArray(value) ? (value as unknown[]) : [];
  const known = fieldsOf(fields);
  return {
    kind: KINDS.get(type) ?? 'unknown',
    writeCap: capTextOf(known['rw_uri']),
    readCap: capTextOf(known['ro_uri']),
    metadata: fieldsOf(known['metadata']),
  };
}

/** Takes the text of a directory's `t=json` piece by piece, then gives the listing. */
export class DirnodeReader {
  /** Undefined until the children begin. */
  #children: Map<string, Child> | undefined;
  /** Names and values in turn, as JSON texts, not parsed yet. */
  #page: string[] = [];
  /** The document without its children. */
  #frame = '';
  /** What has come and is not used up, and where in it the scan stands. */
  #text = '';
  #at = 0;
  #depth = 0;
  /** In #text, where the child or the piece of frame that is being read begins. */
  #from = 0;
  /** The last string at the depth where `children` is a key. */
  #lastKey = '';
  #isInChildren = false;
  /** In #text: the name of the child being read, once it is whole. */
  #name: string | undefined;

  push(piece: string): void {
    this.#text = this.#text.slice(this.#from) + piece;
    this.#at -= this.#from;
    this.#from = 0;
    while (this.#step()) {
      // each step takes one token
    }
    if (!this.#isInChildren) {
      this.#frame += this.#text.slice(this.#from, this.#at);
      this.#from = this.#at;
    }
  }

  /** The listing of the directory behind `dirCap`. Throws `bad-cap` where the node knows no directory there. */
  finish(): Listing {
    this.#parsePage();
    const whole = parseLooseJson(this.#frame + (this.#isInChildren ? '' : this.#text.slice(this.#from)));
    const [type, fields] = Array.isArray(whole) ? (whole as unknown[]) : [];
    if (type === 'filenode' || type === 'unknown') {
      throw new FsError('bad-cap', 'the node knows no directory behind this cap');
    }
    const frame = fieldsOf(fields);
    const readCap = textOf(frame['ro_uri']);
    if (type !== 'dirnode' || readCap === undefined || this.#children === undefined) {
      throw new FsError('unavailable', 'the node described something that is no directory');
    }
    return { writeCap: textOf(frame['rw_uri']), readCap, children: this.#children };
  }

  /** Takes one token; false when the text that is here does not hold a whole one. */
  #step(): boolean {
    TOKEN.lastIndex = this.#at;
    const found = TOKEN.exec(this.#text);
    if (!found) {
      this.#at = this.#text.length;
      return false;
    }
    const end = found[0] === '"' ? this.#endOfString(found.index) : found.index + 1;
    if (end === undefined) {
      this.#at = found.index;
      return false;
    }
    this.#at = end;
    if (found[0] === '"') {
      this.#onString(found.index, end);
    } else if (found[0] === '{' || found[0] === '[') {
      this.#onOpen(found[0]);
    } else if (found[0] === ',') {
      this.#onComma(found.index);
    } else {
      this.#onClose(found.index);
    }
    return true;
  }

  /** The index behind the closing quote. */
  #endOfString(start: number): number | undefined {
    for (
      let quote = this.#text.indexOf('"', start + 1);
      quote !== -1;
      quote = this.#text.indexOf('"', quote + 1)
    ) {
      let escapes = 0;
      while (this.#text[quote - 1 - escapes] === '\\') {
        escapes += 1;
      }
      if (escapes % 2 === 0) {
        return quote + 1;
      }
    }
    return undefined;
  }

  #onString(start: number, end: number): void {
    if (this.#isInChildren) {
      if (this.#depth === CHILDREN_DEPTH && this.#name === undefined) {
        this.#name = this.#text.slice(start, end);
        this.#from = end;
      }
    } else if (this.#depth === CHILDREN_DEPTH - 1) {
      this.#lastKey = this.#text.slice(start, end);
    }
  }

  #onOpen(bracket: string): void {
    this.#depth += 1;
    if (
      !this.#isInChildren &&
      bracket === '{' &&
      this.#depth === CHILDREN_DEPTH &&
      this.#lastKey === '"children"'
    ) {
      this.#frame += this.#text.slice(this.#from, this.#at);
      this.#from = this.#at;
      this.#isInChildren = true;
      this.#children = new Map();
    }
  }

  #onComma(index: number): void {
    if (this.#isInChildren && this.#depth === CHILDREN_DEPTH) {
      this.#endChild(index);
    }
  }

  #onClose(index: number): void {
    this.#depth -= 1;
    if (this.#isInChildren && this.#depth < CHILDREN_DEPTH) {
      this.#endChild(index);
      this.#isInChildren = false;
      this.#from = index;
      this.#lastKey = '';
    }
  }

  #endChild(end: number): void {
    if (this.#name !== undefined) {
      const value = this.#text.slice(this.#from, end);
      this.#page.push(this.#name, value.slice(value.indexOf(':') + 1));
      this.#name = undefined;
      if (this.#page.length >= 2 * PAGE_CHILDREN) {
        this.#parsePage();
      }
    }
    this.#from = this.#at;
  }

  #parsePage(): void {
    const parsed = parseLooseJson(`[${this.#page.join(',')}]`) as unknown[];
    this.#page = [];
    for (let i = 0; i + 1 < parsed.length; i += 2) {
      this.#children?.set(String(parsed[i]), reviveChild(parsed[i + 1]));
    }
  }
}

const TYPES: Readonly<Record<Child['kind'], string>> = {
  file: 'filenode',
  directory: 'dirnode',
  unknown: 'unknown',
};

/**
 * The caps of a link as they may be sent. The node believes the slot it is given: a write cap in the slot for read caps
 * makes the child writable for every reader of the directory, so it is weakened here.
 */
function capFields(link: ChildLink): { rw_uri?: string; ro_uri?: string } {
  const write = link.writeCap === undefined ? undefined : parseCap(link.writeCap);
  const read = link.readCap === undefined ? undefined : parseCap(link.readCap);
  if (write?.kind === 'verify' || read?.kind === 'verify') {
    throw new FsError('bad-cap', 'a verify cap can not be linked');
  }
  if (write?.kind === 'unknown' && read === undefined) {
    throw new FsError('bad-cap', 'an unknown write cap can only be linked together with its read cap');
  }
  const weak = read ?? write;
  return {
    ...(write && { rw_uri: write.text }),
    ...(weak && weak.kind !== 'unknown' && { ro_uri: readOnlyText(weak) }),
    ...(read?.kind === 'unknown' && { ro_uri: read.text }),
  };
}

/**
 * The body that links `children`. `times` go in as the node's own (`tahoe`) where the node makes none itself: it does
 * for set_children, it does not for mkdir-with-children.
 */
export function childrenBody(children: ReadonlyMap<string, ChildLink>, times?: EdgeMetadata): Buffer {
  const names = new Set<string>();
  const members: string[] = [];
  for (const [given, link] of children) {
    const name = normalName(given);
    if (/\p{Surrogate}/u.test(name)) {
      throw new FsError('bad-path', 'a name holds half a surrogate pair');
    }
    if (names.has(name)) {
      throw new FsError('bad-path', 'two forms of one name were to be linked at once');
    }
    names.add(name);
    const metadata = times ? { ...link.metadata, tahoe: times } : link.metadata;
    // Joined by hand: in an object `__proto__` would be lost and `7` would come first.
    members.push(
      `${JSON.stringify(name)}:${JSON.stringify([TYPES[link.kind], { ...capFields(link), metadata }])}`,
    );
  }
  return Buffer.from(`{${members.join(',')}}`);
}
