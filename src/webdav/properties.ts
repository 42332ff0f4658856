// Live properties: what a resource is, in the words of RFC 4918 section 15.
import type { PropertyValues, Resource, Space } from '../inode/tree.ts';
import { ownCloudChecksums } from './checksums.ts';
import {
  httpDate,
  isoDate,
  lastModifiedMs,
  parseHttpDate,
  parseIsoDate,
  parseSeconds,
  settableTime,
} from './dates.ts';
import { SUPPORTED_LOCKS } from './lock-xml.ts';
import { mediaType } from './media-types.ts';
import { DAV, escapeXml } from './xml-writer.ts';

/** Of the properties that Windows sets on every file that it writes. */
export const MICROSOFT: string = 'urn:schemas-microsoft-com:';
/** Of those in which Cyberduck keeps times. */
const SARDINE = 'SAR:';

export interface PropertyName {
  readonly uri: string;
  readonly local: string;
}

/** The name as one text, different for different names: no local name has a brace. */
export function keyOf({ uri, local }: PropertyName): string {
  return `{${uri}}${local}`;
}

/** A resource as one PROPFIND shows it. */
export interface Shown {
  readonly resource: Resource;
  /** Its name as clients see it; empty for the root. */
  readonly name: string;
  readonly nowMs: number;
  /** The value of lockdiscovery. */
  readonly locks: string;
  /** Asked for only where `isAboutSpace` says so. */
  readonly space: Space | undefined;
  /** Where the resource is on its way to the grid. */
  readonly syncStateOf: (resource: Resource) => string;
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
  ['supportedlock', () => SUPPORTED_LOCKS],
  ['lockdiscovery', ({ locks }) => locks],
]);

// Given where they are asked for by name only (RFC 4331, 3; of 5,000 folders each would say the same).
const hiddenProperties: ReadonlyMap<string, LiveProperty> = new Map<string, LiveProperty>([
  ['quota-available-bytes', ({ resource, space }) => spaceOf(resource, space?.availableBytes)],
  ['quota-used-bytes', ({ resource, space }) => spaceOf(resource, space?.usedBytes)],
  // What rclone sets to touch a file.
  ['lastmodified', ({ resource }) => String(Math.floor(resource.modifiedAtMs / 1000))],
]);

/** Namespace of what no RFC knows. */
const OURS = 'https://tahoe-lafs.org/ns/webdav';
/** Of ownCloud and its kin. */
const OWNCLOUD = 'http://owncloud.org/ns';
/** One element with all of them: rclone and ownCloud's clients read no other form. */
const CHECKSUMS: LiveProperty = ({ resource }) => {
  const known = resource.checksums && ownCloudChecksums(resource.checksums);
  return known && `<x:checksum xmlns:x="${OWNCLOUD}">${known}</x:checksum>`;
};
/** Of Fastmail's files: rclone asks for it with that vendor. */
const FASTMAIL = 'ME:';
const SHA1_HEX: LiveProperty = ({ resource }) => {
  const sha1 = resource.checksums?.sha1;
  return sha1 && Buffer.from(sha1, 'base64url').toString('hex');
};
const SYNC_STATE: LiveProperty = ({ resource, syncStateOf }) => syncStateOf(resource);

function isFile(resource: Resource): boolean {
  return resource.kind === 'file';
}

/** What isn't known is absent and never 0, which clients take for a full disk. */
function spaceOf(resource: Resource, bytes: number | undefined): string | undefined {
  return resource.kind === 'directory' ? bytes?.toString() : undefined;
}

export function isAboutSpace({ uri, local }: PropertyName): boolean {
  return uri === DAV && local.startsWith('quota-');
}

/** Of those about space the ones that are known. */
export function spaceNames(space: Space | undefined): readonly PropertyName[] {
  return [
    ...(space?.availableBytes === undefined ? [] : [{ uri: DAV, local: 'quota-available-bytes' }]),
    ...(space?.usedBytes === undefined ? [] : [{ uri: DAV, local: 'quota-used-bytes' }]),
  ];
}

/** All live ones that allprop and propname speak of. */
export const allProperties: readonly PropertyName[] = Array.from(liveProperties.keys(), (local) => ({
  uri: DAV,
  local,
}));

/** How to get the live property of this name; undefined when there is none. */
export function propertyReader({ uri, local }: PropertyName): LiveProperty | undefined {
  if (uri === OURS && local === 'sync-state') {
    return SYNC_STATE;
  }
  if (uri === OWNCLOUD && local === 'checksums') {
    return CHECKSUMS;
  }
  if (uri === FASTMAIL && local === 'sha1hex') {
    return SHA1_HEX;
  }
  return uri === DAV ? (liveProperties.get(local) ?? hiddenProperties.get(local)) : undefined;
}

/** What follows from setting a property, beside that it is kept. */
export interface Setting {
  /** False for a live one, whose value is what follows. */
  readonly isKept: boolean;
  /** Undefined where the text is no value that it can have. */
  readonly values: (text: string) => PropertyValues | undefined;
}

function timeSetting(
  isKept: boolean,
  name: 'modifiedAtMs' | 'createdAtMs',
  parse: (text: string) => number | undefined,
): Setting {
  return {
    isKept,
    values: (text) => {
      const ms = settableTime(parse(text));
      return ms === undefined ? (isKept ? {} : undefined) : { [name]: ms };
    },
  };
}

const settings: ReadonlyMap<string, Setting> = new Map([
  [keyOf({ uri: DAV, local: 'getlastmodified' }), timeSetting(false, 'modifiedAtMs', parseHttpDate)],
  [
    keyOf({ uri: DAV, local: 'lastmodified' }),
    timeSetting(false, 'modifiedAtMs', (text) => parseSeconds(text) ?? parseHttpDate(text)),
  ],
  [
    keyOf({ uri: DAV, local: 'creationdate' }),
    timeSetting(false, 'createdAtMs', (text) => parseIsoDate(text) ?? parseHttpDate(text)),
  ],
  // Windows shows what it stored, and stores 1601 where it has no time: kept whatever it says.
  [
    keyOf({ uri: MICROSOFT, local: 'Win32LastModifiedTime' }),
    timeSetting(true, 'modifiedAtMs', parseHttpDate),
  ],
  [keyOf({ uri: SARDINE, local: 'lastmodified' }), timeSetting(true, 'modifiedAtMs', parseHttpDate)],
  [keyOf({ uri: MICROSOFT, local: 'Win32CreationTime' }), timeSetting(true, 'createdAtMs', parseHttpDate)],
  // rclone sets it with the time when it touches a file. Kept, it would be believed of content that came later.
  [keyOf({ uri: OWNCLOUD, local: 'checksums' }), { isKept: false, values: () => ({}) }],
]);

/** A kept one that a client believes before getlastmodified: it must not outlive the time that it set. */
export function isModificationTime({ uri, local }: PropertyName): boolean {
  return (
    (uri === MICROSOFT && local === 'Win32LastModifiedTime') || (uri === SARDINE && local === 'lastmodified')
  );
}

const KEPT: Setting = { isKept: true, values: () => ({}) };

/**
 * How a property is set; undefined for a protected one: what other methods decide, and displayname, because the
 * name that users see has to lead back to the file.
 */
export function settingOf(name: PropertyName): Setting | undefined {
  return settings.get(keyOf(name)) ?? (propertyReader(name) === undefined ? KEPT : undefined);
}
