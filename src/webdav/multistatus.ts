// PROPFIND's two documents: the question read, the answer written.
import { FsError } from '../base/errors.ts';
import type { Resource } from '../inode/tree.ts';
import { allProperties, type PropertyName, propertyReader, type Shown } from './properties.ts';
import { childElements, parseXml, type XmlElement } from './xml-reader.ts';
import { DAV, element, escapeXml, XML_HEAD } from './xml-writer.ts';

export interface PropfindRequest {
  /** `names`: which properties there are; `values`: what they are. */
  readonly kind: 'names' | 'values';
  readonly properties: readonly PropertyName[];
  /** Properties that a resource lacks get a 404 of their own; otherwise they are left out. */
  readonly isNamed: boolean;
}

/** A resource in the answer. */
export interface Entry {
  /** Encoded, absolute path. */
  readonly href: string;
  readonly name: string;
  readonly resource: Resource;
}

/** Properties that a request may name; each costs bytes in every entry of the answer. */
const MAX_PROPERTIES = 256;

const ALL: PropfindRequest = { kind: 'values', properties: allProperties, isNamed: false };

/** What the body asks for; none asks for all. Throws bad-request for anything that is no propfind. */
export function parsePropfind(body: Buffer): PropfindRequest {
  if (body.length === 0) {
    return ALL;
  }
  const root = parseXml(body);
  const questions = childElements(root).filter(
    ({ uri, local }) => uri === DAV && ['prop', 'allprop', 'propname'].includes(local),
  );
  const [question] = questions;
  if (root.uri !== DAV || root.local !== 'propfind' || question === undefined || questions.length > 1) {
    throw new FsError('bad-request', 'the body asks for none of prop, allprop and propname, or for several');
  }
  if (question.local === 'propname') {
    return { kind: 'names', properties: allProperties, isNamed: false };
  }
  // What allprop leaves out and include asks for: none of ours is left out, and what isn't there is not mentioned.
  return question.local === 'allprop'
    ? ALL
    : { kind: 'values', properties: namedProperties(question), isNamed: true };
}

function namedProperties(prop: XmlElement): readonly PropertyName[] {
  const names = new Map<string, PropertyName>();
  for (const { uri, local } of childElements(prop)) {
    names.set(JSON.stringify([uri, local]), { uri, local });
  }
  if (names.size > MAX_PROPERTIES) {
    throw new FsError('bad-request', `the body names more than ${MAX_PROPERTIES} properties`);
  }
  return [...names.values()];
}

/** The answer's body, entry by entry. */
export function* multistatus(
  entries: Iterable<Entry>,
  request: PropfindRequest,
  nowMs: number,
): Iterable<string> {
  const columns = request.properties.map((name) => columnOf(name, request.kind));
  yield `${XML_HEAD}<D:multistatus xmlns:D="DAV:">\n`;
  for (const { href, name, resource } of entries) {
    const shown: Shown = { resource, name, nowMs };
    let found = '';
    let missing = '';
    for (const column of columns) {
      const xml = column.xml(shown);
      if (xml !== undefined) {
        found += xml;
      } else if (request.isNamed) {
        missing += column.empty;
      }
    }
    const has = found === '' && missing !== '' ? '' : propstat(found, '200 OK');
    const lacks = missing === '' ? '' : propstat(missing, '404 Not Found');
    yield `<D:response><D:href>${escapeXml(href)}</D:href>${has}${lacks}</D:response>\n`;
  }
  yield '</D:multistatus>\n';
}

/** One property in every entry: the element with its value, and without. */
interface Column {
  readonly empty: string;
  readonly xml: (shown: Shown) => string | undefined;
}

function columnOf(name: PropertyName, kind: PropfindRequest['kind']): Column {
  const empty = element(name.uri, name.local, '');
  const read = propertyReader(name);
  return {
    empty,
    xml: (shown) => {
      const value = read?.(shown);
      if (value === undefined) {
        return undefined;
      }
      return kind === 'names' ? empty : element(name.uri, name.local, value);
    },
  };
}

function propstat(properties: string, status: string): string {
  return `<D:propstat><D:prop>${properties}</D:prop><D:status>HTTP/1.1 ${status}</D:status></D:propstat>`;
}
