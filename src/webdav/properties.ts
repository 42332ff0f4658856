// Live properties: what a resource is, in the words of RFC 4918 section 15.
import type { Resource } from '../inode/tree.ts';
import { httpDate, isoDate, lastModifiedMs } from './dates.ts';
import { mediaType } from './media-types.ts';
import { DAV, escapeXml } from './xml-writer.ts';

export interface PropertyName {
  readonly uri: string;
  readonly local: string;
}

/** A resource as one PROPFIND shows it. */
export interface Shown {
  readonly resource: Resource;
  /** Its name as clients see it; empty for the root. */
  readonly name: string;
  readonly nowMs: number;
}

/** The property's value as finished XML; undefined where the resource doesn't have it. */
type LiveProperty = (shown: Shown) => string | undefined;

// In the order in which allprop gives them. Windows refuses a folder's listing beyond 1,000,000 bytes: keep it short.
const liveProperties: ReadonlyMap<string, LiveProperty> = new Map<string, LiveProperty>([
  ['resourcetype', ({ resource }) => (resource.kind === 'directory' ? '<D:collection/>' : '')],
  ['displayname', ({ name }) => (name === '' ? undefined : escapeXml(name))],
  ['getcontentlength', ({ resource }) => (isFile(resource) ? resource.sizeBytes?.toString() : undefined)],
  [
    'getcontenttype',
    ({ resource }) =>
      isFile(resource) ? escapeXml(mediaType(resource.name, resource.contentType)) : undefined,
  ],
  ['getetag', ({ resource }) => (resource.etag === undefined ? undefined : escapeXml(resource.etag))],
  ['getlastmodified', ({ resource, nowMs }) => httpDate(lastModifiedMs(resource.modifiedAtMs, nowMs))],
  ['creationdate', ({ resource }) => isoDate(resource.createdAtMs)],
  ['supportedlock', () => ''],
  ['lockdiscovery', () => ''],
]);

function isFile(resource: Resource): boolean {
  return resource.kind === 'file';
}

/** All that allprop and propname speak of. */
export const allProperties: readonly PropertyName[] = Array.from(liveProperties.keys(), (local) => ({
  uri: DAV,
  local,
}));

/** How to get the property of this name; undefined when no resource has it. */
export function propertyReader({ uri, local }: PropertyName): LiveProperty | undefined {
  return uri === DAV ? liveProperties.get(local) : undefined;
}
