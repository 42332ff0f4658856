// Caps as text and as fields: parsed, formatted and weakened offline, without asking a node. Anything that is not
// exactly a cap as a node writes it is `unknown`, never an error: foreign software may have linked it.
//
//   URI:CHK:key16:ueb32:needed:total:size           immutable file          DIR2-CHK  immutable directory
//   URI:LIT:bytes                                   up to 55 bytes of file  DIR2-LIT  immutable directory
//   URI:SSK:writekey16:fp32   URI:SSK-RO:readkey16:fp32   mutable file (MDMF likewise)
//   URI:DIR2: DIR2-RO: DIR2-MDMF: DIR2-MDMF-RO:           mutable directory, the same fields
//   URI:...-Verifier:storageindex16:the rest              says where the shares are, opens nothing
//
// and two of our own, which no node has seen: they name what is not on the grid yet.
//
//   LOCAL:file:id:size      LOCAL:dir:id
import { decodeBase32, encodeBase32 } from '../base/base32.ts';
import { FsError } from '../base/errors.ts';
import { sha256, taggedHash } from '../seal/hash.ts';

export interface ChkCap {
  readonly kind: 'chk';
  readonly text: string;
  readonly readKey: Buffer;
  readonly uebHash: Buffer;
  readonly needed: number;
  readonly total: number;
  readonly sizeBytes: number;
}

export interface LitCap {
  readonly kind: 'lit';
  readonly text: string;
  readonly data: Buffer;
  readonly sizeBytes: number;
}

export interface MutableCap {
  readonly kind: 'mutable';
  readonly text: string;
  readonly isDirectory: boolean;
  readonly format: 'SDMF' | 'MDMF';
  readonly isWritable: boolean;
  /** The write key where `isWritable`, else the read key. */
  readonly key: Buffer;
  readonly fingerprint: Buffer;
}

export interface ImmutableDirCap {
  readonly kind: 'immutable-directory';
  readonly text: string;
  readonly inner: ChkCap | LitCap;
}

export interface VerifyCap {
  readonly kind: 'verify';
  readonly text: string;
  readonly storageIndex: string;
}

/** A file whose bytes are here alone. */
export interface LocalFileCap {
  readonly kind: 'local-file';
  readonly text: string;
  readonly id: string;
  readonly sizeBytes: number;
}

/** A directory that was made here and that the grid has not yet. */
export interface LocalDirCap {
  readonly kind: 'local-directory';
  readonly text: string;
  readonly id: string;
}

export interface UnknownCap {
  readonly kind: 'unknown';
  readonly text: string;
}

export type LocalCap = LocalFileCap | LocalDirCap;
export type Cap = ChkCap | LitCap | MutableCap | ImmutableDirCap | VerifyCap | UnknownCap;

/** A cap with children behind it. */
export type DirectoryCap = (MutableCap & { readonly isDirectory: true }) | ImmutableDirCap;

/** A file of up to so many bytes is held by its cap itself. */
export const LIT_MAX_BYTES = 55;

const KEY_BYTES = 16;
const HASH_BYTES = 32;
const MAX_SHARES = 256;

export type ChkFields = Omit<ChkCap, 'kind' | 'text'>;
export type MutableFields = Omit<MutableCap, 'kind' | 'text'>;

function chkRest(cap: ChkFields): string {
  return `${encodeBase32(cap.uebHash)}:${cap.needed}:${cap.total}:${cap.sizeBytes}`;
}

export function chkText(fields: ChkFields): string {
  return `URI:CHK:${encodeBase32(fields.readKey)}:${chkRest(fields)}`;
}

/** The cap that is the content itself; for at most LIT_MAX_BYTES. */
export function litCapOf(bytes: Buffer): string {
  if (bytes.length > LIT_MAX_BYTES) {
    throw new FsError('too-large', `a literal cap holds ${LIT_MAX_BYTES} bytes at most`);
  }
  return `URI:LIT:${encodeBase32(bytes)}`;
}

function mutableName(cap: Pick<MutableFields, 'isDirectory' | 'format'>): string {
  if (cap.isDirectory) {
    return cap.format === 'MDMF' ? 'DIR2-MDMF' : 'DIR2';
  }
  return cap.format === 'MDMF' ? 'MDMF' : 'SSK';
}

export function mutableText(fields: MutableFields): string {
  const suffix = fields.isWritable ? '' : '-RO';
  return `URI:${mutableName(fields)}${suffix}:${encodeBase32(fields.key)}:${encodeBase32(fields.fingerprint)}`;
}

/** The immutable directory whose bytes are the file `inner`. */
export function immutableDirText(inner: ChkCap | LitCap): string {
  return inner.text.replace('URI:', 'URI:DIR2-');
}

function decodeExactly(text: string | undefined, length: number): Buffer | undefined {
  const bytes = decodeBase32(text ?? '');
  return bytes?.length === length ? bytes : undefined;
}

/** A number as a node writes it: no sign, no leading zero, exact in a double. */
function decodeNumber(text: string | undefined): number | undefined {
  const number = /^(?:0|[1-9][0-9]{0,15})$/.test(text ?? '') ? Number(text) : Number.NaN;
  return Number.isSafeInteger(number) ? number : undefined;
}

interface ChkRest {
  readonly uebHash: Buffer;
  readonly needed: number;
  readonly total: number;
  readonly sizeBytes: number;
}

function parseChkRest(fields: readonly string[]): ChkRest | undefined {
  const uebHash = decodeExactly(fields[0], HASH_BYTES);
  const needed = decodeNumber(fields[1]);
  const total = decodeNumber(fields[2]);
  const sizeBytes = decodeNumber(fields[3]);
  if (!uebHash || !needed || !total || sizeBytes === undefined || fields.length !== 4) {
    return undefined;
  }
  return needed <= total && total <= MAX_SHARES ? { uebHash, needed, total, sizeBytes } : undefined;
}

function parseChk(fields: readonly string[]): ChkCap | undefined {
  const readKey = decodeExactly(fields[0], KEY_BYTES);
  const rest = parseChkRest(fields.slice(1));
  return readKey && rest && { kind: 'chk', text: chkText({ readKey, ...rest }), readKey, ...rest };
}

function parseLit(fields: readonly string[]): LitCap | undefined {
  const data = fields.length === 1 ? decodeBase32(fields[0] ?? '') : undefined;
  // Longer ones than LIT_MAX_BYTES are read: nodes accept them too.
  return data && { kind: 'lit', text: `URI:LIT:${fields[0]}`, data, sizeBytes: data.length };
}

function parseImmutableDir(inner: ChkCap | LitCap | undefined): ImmutableDirCap | undefined {
  return inner && { kind: 'immutable-directory', text: immutableDirText(inner), inner };
}

function parseMutable(
  isDirectory: boolean,
  format: 'SDMF' | 'MDMF',
  isWritable: boolean,
  fields: readonly string[],
): MutableCap | undefined {
  const key = decodeExactly(fields[0], KEY_BYTES);
  const fingerprint = decodeExactly(fields[1], HASH_BYTES);
  // Early MDMF caps carry hints in further fields (`:3:131073`); nodes skip them, and so does `text`.
  if (!key || !fingerprint || (fields.length > 2 && format === 'SDMF')) {
    return undefined;
  }
  const parsed = { isDirectory, format, isWritable, key, fingerprint };
  return { kind: 'mutable', text: mutableText(parsed), ...parsed };
}

function parseVerify(text: string, fields: readonly string[], isChk: boolean): VerifyCap | undefined {
  const [storageIndex, ...rest] = fields;
  const isWhole = isChk ? parseChkRest(rest) : rest.length === 1 && decodeExactly(rest[0], HASH_BYTES);
  return storageIndex !== undefined && decodeExactly(storageIndex, KEY_BYTES) && isWhole
    ? { kind: 'verify', text, storageIndex }
    : undefined;
}

const LOCAL_ID = /^[\w-]{1,64}$/;

export function localFileText(id: string, sizeBytes: number): string {
  return `LOCAL:file:${id}:${sizeBytes}`;
}

export function localDirText(id: string): string {
  return `LOCAL:dir:${id}`;
}

function parseLocal(text: string): LocalCap | undefined {
  const [scheme, kind, id = '', size, ...more] = text.split(':');
  if (scheme !== 'LOCAL' || !LOCAL_ID.test(id) || more.length > 0) {
    return undefined;
  }
  if (kind === 'dir' && size === undefined) {
    return { kind: 'local-directory', text, id };
  }
  const sizeBytes = decodeNumber(size);
  return kind === 'file' && sizeBytes !== undefined ? { kind: 'local-file', text, id, sizeBytes } : undefined;
}

function parseKnown(text: string, mayWrite: boolean, mayBeMutable: boolean): Cap | undefined {
  const [scheme, name, ...fields] = text.split(':');
  if (scheme !== 'URI') {
    return undefined;
  }
  switch (name) {
    case 'CHK':
      return parseChk(fields);
    case 'LIT':
      return parseLit(fields);
    case 'DIR2-CHK':
      return parseImmutableDir(parseChk(fields));
    case 'DIR2-LIT':
      return parseImmutableDir(parseLit(fields));
    case 'SSK':
    case 'MDMF':
    case 'DIR2':
    case 'DIR2-MDMF':
      return mayWrite
        ? parseMutable(name.startsWith('DIR2'), name.endsWith('MDMF') ? 'MDMF' : 'SDMF', true, fields)
        : undefined;
    case 'SSK-RO':
    case 'MDMF-RO':
    case 'DIR2-RO':
    case 'DIR2-MDMF-RO':
      return mayBeMutable
        ? parseMutable(name.startsWith('DIR2'), name.endsWith('MDMF-RO') ? 'MDMF' : 'SDMF', false, fields)
        : undefined;
    case 'CHK-Verifier':
    case 'DIR2-CHK-Verifier':
      return parseVerify(text, fields, true);
    case 'SSK-Verifier':
    case 'MDMF-Verifier':
    case 'DIR2-Verifier':
    case 'DIR2-MDMF-Verifier':
      return parseVerify(text, fields, false);
    default:
      return undefined;
  }
}

/**
 * What `text` is; never throws. `ro.` and `imm.` in front forbid what they say (a write cap, anything mutable) and
 * are dropped from a known cap's `text`; an unknown one keeps its text whole.
 */
export function parseCap(text: string): Cap {
  const prefix = /^(?:ro|imm)\./.exec(text)?.[0] ?? '';
  const known = parseKnown(text.slice(prefix.length), prefix === '', prefix !== 'imm.');
  return known ?? { kind: 'unknown', text };
}

/** As parseCap, for what our own edits name: also what is not on the grid yet. Never for what a node says. */
export function parseOwnCap(text: string): Cap | LocalCap {
  return parseLocal(text) ?? parseCap(text);
}

/** The read key that a write key opens. */
export function readKeyOf(writeKey: Buffer): Buffer {
  return taggedHash('allmydata_mutable_writekey_to_readkey_v1', writeKey, KEY_BYTES);
}

/** The same thing, to be read only. Immutable and verify caps give themselves; an unknown one is marked `ro.`. */
export function readOnlyText(cap: Cap): string {
  switch (cap.kind) {
    case 'mutable':
      return cap.isWritable ? mutableText({ ...cap, isWritable: false, key: readKeyOf(cap.key) }) : cap.text;
    case 'unknown':
      return /^(?:ro|imm)\./.test(cap.text) ? cap.text : `ro.${cap.text}`;
    default:
      return cap.text;
  }
}

/** Where the shares of a thing are, in base32; undefined where it has none (LIT) or where nobody knows. */
export function storageIndexOf(cap: Cap): string | undefined {
  switch (cap.kind) {
    case 'chk':
      return encodeBase32(taggedHash('allmydata_immutable_key_to_storage_index_v1', cap.readKey, KEY_BYTES));
    case 'mutable': {
      const readKey = cap.isWritable ? readKeyOf(cap.key) : cap.key;
      return encodeBase32(taggedHash('allmydata_mutable_readkey_to_storage_index_v1', readKey, KEY_BYTES));
    }
    case 'immutable-directory':
      return storageIndexOf(cap.inner);
    case 'verify':
      return cap.storageIndex;
    default:
      return undefined;
  }
}

/** The cap that lets one look after the shares and read nothing; undefined for LIT and unknown caps. */
export function verifyText(cap: Cap): string | undefined {
  switch (cap.kind) {
    case 'chk':
      return `URI:CHK-Verifier:${storageIndexOf(cap)}:${chkRest(cap)}`;
    case 'mutable':
      return `URI:${mutableName(cap)}-Verifier:${storageIndexOf(cap)}:${encodeBase32(cap.fingerprint)}`;
    case 'immutable-directory':
      return verifyText(cap.inner)?.replace('URI:', 'URI:DIR2-');
    case 'verify':
      return cap.text;
    default:
      return undefined;
  }
}

/**
 * A name for the thing that opens nothing: the same for its write, read and verify cap, and another one for anything
 * else. It is a hash of the verify cap, not the bare storage index: that one comes from the key alone, so whoever knows a
 * file's read cap could make a cap with the same index and other content, and have it taken for the file.
 */
export function identityOf(cap: Cap | LocalCap): string {
  const text = isLocal(cap) ? cap.text : (verifyText(cap) ?? cap.text);
  return encodeBase32(sha256('tahoe-webdav identity:', text).subarray(0, KEY_BYTES));
}

/** True of a cap's text that says nothing to any node. */
export function isLocalText(capText: string | undefined): boolean {
  return capText?.startsWith('LOCAL:') === true;
}

export function isLocal(cap: Cap | LocalCap): cap is LocalCap {
  return cap.kind === 'local-file' || cap.kind === 'local-directory';
}

/** True where the thing behind `cap` has children, and a node knows it. */
export function isDirectoryCap(cap: Cap | LocalCap): cap is DirectoryCap {
  return cap.kind === 'immutable-directory' || (cap.kind === 'mutable' && cap.isDirectory);
}
