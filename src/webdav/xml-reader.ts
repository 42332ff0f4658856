// Request bodies in XML: small, strict, with namespaces; everything that only an attack needs is refused.
import { createRequire } from 'node:module';
import { FsError } from '../base/errors.ts';

// What is used of saxes, declared here: its own declarations don't compile under exactOptionalPropertyTypes.
interface Tag {
  readonly uri: string;
  readonly local: string;
  readonly attributes: Readonly<Record<string, XmlAttribute>>;
}
interface Parser {
  on(event: 'doctype' | 'opentagstart' | 'attribute' | 'closetag', handler: () => void): void;
  on(event: 'opentag', handler: (tag: Tag) => void): void;
  on(event: 'text' | 'cdata', handler: (text: string) => void): void;
  write(text: string): Parser;
  close(): void;
}
const require = createRequire(import.meta.url);
const { SaxesParser } = require('saxes') as {
  readonly SaxesParser: new (options: {
    readonly xmlns: true;
    readonly position: boolean;
    readonly defaultXMLVersion: '1.0';
    readonly forceXMLVersion: true;
  }) => Parser;
};

export interface XmlAttribute {
  readonly uri: string;
  readonly local: string;
  readonly value: string;
}

export interface XmlElement {
  /** Namespace; empty for none. */
  readonly uri: string;
  readonly local: string;
  readonly attributes: readonly XmlAttribute[];
  /** Elements and pieces of text in document order. */
  readonly content: ReadonlyArray<XmlElement | string>;
}

/** Bytes that a body may have: far above any client's PROPFIND, PROPPATCH or LOCK, far below what hurts. */
export const XML_MAX_BYTES: number = 256 * 1024;
const MAX_DEPTH = 64;
const MAX_ATTRIBUTES = 32;
const MAX_ELEMENTS = 4096;
// Declared once and used by many, a namespace is written out with each in an answer.
const MAX_NAMESPACE_CHARS = 1024;

/** The root element of a document. Throws bad-request. */
export function parseXml(bytes: Buffer): XmlElement {
  try {
    return parse(decode(bytes));
  } catch (error) {
    throw error instanceof FsError ? error : malformed(error);
  }
}

function malformed(cause: unknown): FsError {
  return new FsError('bad-request', 'the body is not well-formed xml', { cause });
}

/** UTF-8, or UTF-16 with its byte order mark: what every XML reader has to know. */
function decode(bytes: Buffer): string {
  const mark = bytes.readUInt16BE(0);
  const encoding = mark === 0xfeff ? 'utf-16be' : mark === 0xfffe ? 'utf-16le' : 'utf-8';
  return new TextDecoder(encoding, { fatal: true }).decode(bytes);
}

interface Open extends XmlElement {
  readonly content: Array<XmlElement | string>;
}

function parse(text: string): XmlElement {
  // Without an error handler the parser throws at the first fault.
  // Whatever version a document claims it is read as 1.0: the control characters that 1.1 allows are in no answer of ours.
  const parser = new SaxesParser({
    xmlns: true,
    position: false,
    defaultXMLVersion: '1.0',
    forceXMLVersion: true,
  });
  const open: Open[] = [];
  let root: XmlElement | undefined;
  let elements = 0;
  let attributes = 0;
  parser.on('doctype', () => refuse('a document type'));
  parser.on('opentagstart', () => {
    attributes = 0;
    elements += 1;
    if (elements > MAX_ELEMENTS || open.length >= MAX_DEPTH) {
      refuse('too many or too deep elements');
    }
  });
  // Counted as they come: the parser looks for duplicates among all of them only at the end of the tag.
  parser.on('attribute', () => {
    attributes += 1;
    if (attributes > MAX_ATTRIBUTES) {
      refuse('too many attributes');
    }
  });
  parser.on('opentag', (tag) => {
    const element: Open = {
      uri: tag.uri,
      local: tag.local,
      attributes: Object.values(tag.attributes)
        .filter(({ uri }) => uri !== 'http://www.w3.org/2000/xmlns/')
        .map(({ uri, local, value }) => ({ uri, local, value })),
      content: [],
    };
    requireNames(element);
    if (element.uri.length > MAX_NAMESPACE_CHARS) {
      refuse('a long namespace');
    }
    open.at(-1)?.content.push(element);
    root ??= element;
    open.push(element);
  });
  const addText = (piece: string): void => {
    open.at(-1)?.content.push(piece);
  };
  parser.on('text', addText);
  parser.on('cdata', addText);
  parser.on('closetag', () => {
    open.pop();
  });
  parser.write(text).close();
  if (root === undefined) {
    refuse('no element');
  }
  return root;
}

// What no local name begins with (Namespaces in XML, 4): the parser looks only at the first character before a colon.
const NO_START = /^(?:[-.0-9\u00b7\u203f\u2040]|[\u0300-\u036f])/;

function requireNames({ local, attributes }: XmlElement): void {
  if (NO_START.test(local) || attributes.some((attribute) => NO_START.test(attribute.local))) {
    refuse('a name that is none');
  }
}

function refuse(what: string): never {
  throw new FsError('bad-request', `the xml body has ${what}`);
}

/** The text in `element`, that of elements in it left out. */
export function textOf(element: XmlElement): string {
  return element.content.filter((part) => typeof part === 'string').join('');
}

/** The child elements of `element`. */
export function childElements(element: XmlElement): readonly XmlElement[] {
  return element.content.filter((part) => typeof part !== 'string');
}
