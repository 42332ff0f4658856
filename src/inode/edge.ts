// Our part of a child's edge metadata, and what can be told of a child from the whole of it.
//
//   "tw": { "c": cap hash, "h": SHA-256, "m": mtime ms, "t": write token, "y": content type, "b": birth time ms,
//           "k": other checksums { "sha1": ..., "md5": ... }, "p": dead properties [[namespace, name, xml] ...] }
//
// Its fixed part is kept under 120 bytes a child (the dirnode is rewritten at each link): hashes in base64url, `c` of 8 bytes,
// `y` only where the name says something else, `b` and `p` only where a client set them, `k` where one may ask for it. `c` names the content that the rest belongs to, and the rest is
// believed only while it matches: a foreign writer's new content keeps our old metadata.
import { sha256 } from '../seal/hash.ts';
import { randomNonce } from '../seal/random.ts';
import { identityOf, parseCap, verifyText } from '../tahoe/caps.ts';
import type { Child, EdgeMetadata } from '../tahoe/grid.ts';
import type { Checksums } from './tree.ts';

export const OUR_KEY = 'tw';

/** What we write down about a child. */
export interface OurMark {
  /** Hash of the content's cap (a mutable file: of cap and version). */
  readonly c: string;
  /** SHA-256 of the content, base64url; absent for what isn't a file. */
  readonly h?: string;
  readonly m: number;
  readonly t: string;
  readonly y?: string;
  readonly b?: number;
  /** Of the same content as `h`, base64url. */
  readonly k?: Omit<Checksums, 'sha256'>;
  readonly p?: ReadonlyArray<readonly [uri: string, local: string, xml: string]>;
}

/** What one resource may carry: every link of the dirnode writes all of it again. */
export const MAX_PROPERTIES = 64;
export const MAX_PROPERTY_BYTES: number = 16 * 1024;

const HASH_BYTES = 8;
const ETAG_CHARS = 22; // 132 bits
// What Date can show with a four-digit year, and no file system's epoch lies before.
const MAX_TIME_MS = Date.UTC(9999, 11, 31);

export function newToken(): string {
  return randomNonce(HASH_BYTES).toString('base64url');
}

/** The write token alone: looked for in every child that was written lately, at each look at the directory. */
export function tokenOf(metadata: EdgeMetadata): string | undefined {
  const mark = metadata[OUR_KEY] as { readonly t?: unknown } | null | undefined;
  return typeof mark?.t === 'string' ? mark.t : undefined;
}

/** Names the content behind `cap`; `version` tells the versions of a mutable file apart. */
export function contentHash(cap: string, version = ''): string {
  return sha256('tahoe-webdav content\0', cap, '\0', version).subarray(0, HASH_BYTES).toString('base64url');
}

/** Ours, if it has the form of ours; whether it still belongs to the content is for the caller. */
export function markOf(metadata: EdgeMetadata): OurMark | undefined {
  const mark = metadata[OUR_KEY];
  if (typeof mark !== 'object' || mark === null) {
    return undefined;
  }
  const { c, h, m, t, y, b, k, p } = mark as Record<string, unknown>;
  if (typeof c !== 'string' || typeof m !== 'number' || typeof t !== 'string' || !isTime(m)) {
    return undefined;
  }
  return {
    c,
    m,
    t,
    ...(typeof h === 'string' && /^[\w-]{43}$/.test(h) ? { h } : {}),
    ...(typeof y === 'string' && isFieldValue(y) ? { y } : {}),
    ...(typeof b === 'number' && isTime(b) ? { b } : {}),
    ...(areChecksums(k) ? { k } : {}),
    ...(Array.isArray(p) && p.every(isProperty) ? { p } : {}),
  };
}

/** `metadata` of the old child with our mark replaced; the node's own key is left out, it makes it anew. */
export function withMark(metadata: EdgeMetadata | undefined, mark: OurMark): EdgeMetadata {
  const { tahoe: _nodes, ...rest } = metadata ?? {};
  return { ...rest, [OUR_KEY]: mark };
}

/** With the time at which a node would say that the name was linked first: what `older` says, else now. */
export function linkedSince(
  metadata: EdgeMetadata,
  older: EdgeMetadata | undefined,
  nowMs: number,
): EdgeMetadata {
  const known = (older?.['tahoe'] as { readonly linkcrtime?: unknown } | undefined)?.linkcrtime;
  return { ...metadata, tahoe: { linkcrtime: typeof known === 'number' ? known : nowMs / 1000 } };
}

/** What is sent to a node: its own key is its own. */
export function withoutNodesKey(metadata: EdgeMetadata): EdgeMetadata {
  const { tahoe: _nodes, ...rest } = metadata;
  return rest;
}

const BASE64URL_CHARS = { sha1: 27, md5: 22 };

function areChecksums(value: unknown): value is Omit<Checksums, 'sha256'> {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.entries(value).every(
      ([name, text]) =>
        (name === 'sha1' || name === 'md5') &&
        typeof text === 'string' &&
        text.length === BASE64URL_CHARS[name] &&
        /^[\w-]+$/.test(text),
    )
  );
}

function isProperty(value: unknown): value is readonly [string, string, string] {
  return Array.isArray(value) && value.length === 3 && value.every((part) => typeof part === 'string');
}

/** May stand in an HTTP header. */
function isFieldValue(text: string): boolean {
  return /^[\x20-\x7e]{1,200}$/.test(text);
}

function isTime(ms: number): boolean {
  return Number.isFinite(ms) && ms >= 0 && ms <= MAX_TIME_MS;
}

/** Seconds as other programs write them, as whole ms; undefined where absurd. */
function fromSeconds(seconds: unknown): number | undefined {
  if (typeof seconds !== 'number') {
    return undefined;
  }
  const ms = Math.floor(seconds * 1000);
  return isTime(ms) ? ms : undefined;
}

export interface EdgeTimes {
  readonly modifiedAtMs: number;
  readonly createdAtMs: number;
}

/**
 * Ours while it belongs to the content; else what `tahoe backup` noted, unless it is later than the link; else
 * when it was linked.
 */
export function timesOf(metadata: EdgeMetadata, mark: OurMark | undefined): EdgeTimes {
  const node = (typeof metadata['tahoe'] === 'object' && metadata['tahoe']) || {};
  const { linkmotime, linkcrtime } = node as Record<string, unknown>;
  const linkedAtMs = fromSeconds(linkmotime);
  const firstLinkedAtMs = fromSeconds(linkcrtime);
  const backupMs = fromSeconds(metadata['mtime']);
  const believed =
    backupMs !== undefined && (linkedAtMs === undefined || backupMs <= linkedAtMs) ? backupMs : undefined;
  const modifiedAtMs = mark?.m ?? believed ?? linkedAtMs ?? firstLinkedAtMs ?? 0;
  return { modifiedAtMs, createdAtMs: mark?.b ?? firstLinkedAtMs ?? modifiedAtMs };
}

/** The strong ETag of bytes with this SHA-256 (base64url). */
export function etagOfHash(sha256Base64Url: string): string {
  return `"${sha256Base64Url.slice(0, ETAG_CHARS)}"`;
}

/** The ETag of a child that was never written through here: the same on every gateway, and no cap in it. */
export function etagOfCap(capText: string, version = ''): string {
  const cap = parseCap(capText);
  if (cap.kind === 'lit') {
    return etagOfHash(sha256(cap.data).toString('base64url'));
  }
  const name = version === '' ? (verifyText(cap) ?? identityOf(cap)) : `${identityOf(cap)} ${version}`;
  return `"${sha256('tahoe-webdav etag\0', name).toString('base64url').slice(0, ETAG_CHARS)}"`;
}

/** The mark where it belongs to this immutable child's content. */
export function believedMark(child: Child): OurMark | undefined {
  const mark = markOf(child.metadata);
  const cap = child.readCap;
  return mark && cap !== undefined && mark.c === contentHash(cap) ? mark : undefined;
}
