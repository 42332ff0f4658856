// PROPFIND's two documents: the question read, the answer written.
import { FsError } from '../base/errors.ts';
import type { Resource, Space } from '../inode/tree.ts';
import { deadPropertiesOf } from './dead-properties.ts';
import {
  allProperties,
  isAboutSpace,
  keyOf,
  type PropertyName,
  propertyReader,
  type Shown,
} from './properties.ts';
import { childElements, parseXml, type XmlElement } from './xml-reader.ts';
import { DAV, element, escapeXml, tagsOf, XML_HEAD } from './xml-writer.ts';

export interface PropfindRequest {
  /** All of a resource's properties: their names, or their values too. Undefined: only those of `named`. */
  readonly all: 'names' | 'values' | undefined;
  /** Beside `all`; what a resource lacks of these gets a 404 of its own. */
  readonly named: readonly PropertyName[];
}

/** A resource in the answer. */
export interface Entry {
  /** Encoded, absolute path. */
  readonly href: string;
  readonly name: string;
  readonly resource: Resource;
  /** The value of lockdiscovery. */
  readonly locks: string;
}

/** What holds for all entries of an answer. */
export interface Occasion {
  readonly nowMs: number;
  readonly space: Space | undefined;
  readonly syncStateOf: (resource: Resource) => string;
  /** Told of an entry that could not be written down. */
  readonly onFailure: (error: unknown) => void;
}

/** Properties that a request may name; each costs bytes in every entry of the answer. */
const MAX_PROPERTIES = 256;

/** What the body asks for; none asks for all. Throws bad-request for anything that is no propfind. */
export function parsePropfind(body: Buffer): PropfindRequest {
  if (body.length === 0) {
    return { all: 'values', named: [] };
  }
  const root = parseXml(body);
  const parts = childElements(root).filter(({ uri }) => uri === DAV);
  const questions = parts.filter(({ local }) => ['prop', 'allprop', 'propname'].includes(local));
  const [question] = questions;
  if (root.uri !== DAV || root.local !== 'propfind' || question === undefined || questions.length > 1) {
    throw new FsError('bad-request', 'the body asks for none of prop, allprop and propname, or for several');
  }
  if (question.local === 'propname') {
    return { all: 'names', named: [] };
  }
  return question.local === 'prop'
    ? { all: undefined, named: namesIn([question]) }
    : { all: 'values', named: namesIn(parts.filter(({ local }) => local === 'include')).filter(isHidden) };
}

/** Not among what allprop gives of a live kind. */
function isHidden({ uri, local }: PropertyName): boolean {
  return !allProperties.some((known) => known.uri === uri && known.local === local);
}

function namesIn(lists: readonly XmlElement[]): readonly PropertyName[] {
  const names = new Map<string, PropertyName>();
  for (const { uri, local } of lists.flatMap(childElements)) {
    names.set(keyOf({ uri, local }), { uri, local });
  }
  if (names.size > MAX_PROPERTIES) {
    throw new FsError('bad-request', `the body names more than ${MAX_PROPERTIES} properties`);
  }
  return [...names.values()];
}

/** True where the answer needs to know how much space there is. */
export function asksForSpace(request: PropfindRequest): boolean {
  return request.named.some(isAboutSpace);
}

/** The answer's body, entry by entry. One that can't be written down is an error of its own and hides no other. */
export function* multistatus(
  entries: Iterable<Entry>,
  request: PropfindRequest,
  { nowMs, space, syncStateOf, onFailure }: Occasion,
): Iterable<string> {
  const describe = describerOf(request);
  yield `${XML_HEAD}<D:multistatus xmlns:D="DAV:">\n`;
  for (const { href, name, resource, locks } of entries) {
    let description: string;
    try {
      description = describe({ resource, name, locks, nowMs, space, syncStateOf });
    } catch (error) {
      onFailure(error);
      description = statusLine('500 Internal Server Error');
    }
    yield `<D:response><D:href>${escapeXml(href)}</D:href>${description}</D:response>\n`;
  }
  yield '</D:multistatus>\n';
}

/** Gives a property of a resource as an element; undefined where it doesn't have it. */
type Column = (shown: Shown) => string | undefined;

function describerOf({ all, named }: PropfindRequest): (shown: Shown) => string {
  const every = all === undefined ? () => '' : everything(all);
  const asked = named.map((name) => ({
    empty: element(name.uri, name.local, ''),
    read: columnOf(name, all),
  }));
  return (shown) => {
    let found = every(shown);
    let missing = '';
    for (const { empty, read } of asked) {
      const xml = read(shown);
      if (xml === undefined) {
        missing += empty;
      } else {
        found += xml;
      }
    }
    const has = found === '' && missing !== '' ? '' : propstat(found, '200 OK');
    return missing === '' ? has : has + propstat(missing, '404 Not Found');
  };
}

/** Live and dead properties, as many as a resource has. */
function everything(all: 'names' | 'values'): (shown: Shown) => string {
  const live = allProperties.map((name) => liveColumn(name, all));
  return (shown) => {
    let found = '';
    for (const read of live) {
      found += read(shown) ?? '';
    }
    for (const { uri, local, xml } of deadPropertiesOf(shown.resource)) {
      found += all === 'names' ? element(uri, local, '') : xml;
    }
    return found;
  };
}

function liveColumn(name: PropertyName, all: PropfindRequest['all']): Column {
  const { open, close, empty } = tagsOf(name.uri, name.local);
  const read = propertyReader(name);
  return (shown) => {
    const value = read?.(shown);
    if (value === undefined) {
      return undefined;
    }
    return value === '' || all === 'names' ? empty : open + value + close;
  };
}

function columnOf(name: PropertyName, all: PropfindRequest['all']): Column {
  if (propertyReader(name) !== undefined) {
    return liveColumn(name, all);
  }
  return ({ resource }) => {
    const dead = deadPropertiesOf(resource).find(
      ({ uri, local }) => uri === name.uri && local === name.local,
    );
    // With allprop it stands there already, whether it was asked for beside or not.
    return dead === undefined || all === undefined ? dead?.xml : '';
  };
}

/** `properties`: finished elements. `condition`: what of RFC 4918, 16 the status is about. */
export function propstat(properties: string, status: string, condition = ''): string {
  const error = condition === '' ? '' : `<D:error>${condition}</D:error>`;
  return `<D:propstat><D:prop>${properties}</D:prop>${statusLine(status)}${error}</D:propstat>`;
}

function statusLine(status: string): string {
  return `<D:status>HTTP/1.1 ${status}</D:status>`;
}
