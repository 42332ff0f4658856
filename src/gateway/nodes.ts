// From caps to the things they stand for, as a Tahoe node sees them: file, directory, or something unknown that is
// kept and handed on but not looked into. What may not stand in a place (a write cap in a read slot, a mutable thing in
// an immutable directory) becomes an unknown node that carries the error, thrown only when it is to be linked.
import {
  type Cap,
  type ChkCap,
  type ImmutableDirCap,
  isDirectoryCap,
  type LitCap,
  type MutableCap,
  parseCap,
  readOnlyText,
  verifyText,
} from '../tahoe/caps.ts';
import { mustBeImmutable, mustBeReadOnly, nodeFailure, unknownWriteCap, type WebError } from './web-error.ts';

export type FileCap = ChkCap | LitCap | MutableCap;
export type DirectoryCap = MutableCap | ImmutableDirCap;

export interface FileNode {
  readonly kind: 'file';
  readonly cap: FileCap;
}

export interface DirectoryNode {
  readonly kind: 'directory';
  readonly cap: DirectoryCap;
}

export interface UnknownNode {
  readonly kind: 'unknown';
  readonly writeCap: string | undefined;
  readonly readCap: string | undefined;
  /** Why it can't be linked; its caps are then not kept. */
  readonly error: WebError | undefined;
}

export type Node = FileNode | DirectoryNode | UnknownNode;

const MARK = /^(?:ro|imm)\./;
const KNOWN_SCHEME = /^(?:ro\.|imm\.)?URI:(?:CHK|LIT|SSK|MDMF|DIR2)(?:-[A-Za-z0-9]+)*:/;

function unknownNode(writeCap: string | undefined, readCap: string | undefined): UnknownNode {
  return { kind: 'unknown', writeCap, readCap, error: undefined };
}

function refusedNode(error: WebError): UnknownNode {
  return { kind: 'unknown', writeCap: undefined, readCap: undefined, error };
}

/** Parses a cap for a place where nothing may be mutable. */
function parseFor(text: string, mustBeImmutableHere: boolean): Cap {
  return parseCap(mustBeImmutableHere ? `imm.${text.replace(MARK, '')}` : text);
}

/** Why a text that looks like one of Tahoe's own caps isn't one here; undefined for caps of other makers. */
function whyUnknown(text: string, mustBeImmutableHere: boolean, name: string): WebError | undefined {
  const cap = parseFor(text, mustBeImmutableHere);
  if (cap.kind !== 'unknown' || !KNOWN_SCHEME.test(text)) {
    return undefined;
  }
  if (parseCap(text.replace(MARK, '')).kind === 'unknown') {
    return nodeFailure('allmydata.uri.BadURIError', 'a cap does not look like one of its kind');
  }
  return mustBeImmutableHere || text.startsWith('imm.') ? mustBeImmutable(name) : mustBeReadOnly(name);
}

/** Why an unknown write cap may not stand where it does. */
function whyNoWriteCap(
  writeCap: string,
  readCap: string,
  immutableHere: boolean,
  name: string,
): WebError | undefined {
  if (immutableHere && (readCap !== '' || !writeCap.startsWith('imm.'))) {
    return readCap === '' ? unknownWriteCap(name) : mustBeImmutable(name);
  }
  if (readCap.startsWith('imm.')) {
    return mustBeImmutable(name);
  }
  // Alone and unmarked it may be a write cap, and how to weaken it nobody here knows.
  return readCap === '' && !MARK.test(writeCap) ? unknownWriteCap(name) : undefined;
}

function makeUnknown(writeCap: string, readCap: string, immutableHere: boolean, name: string): UnknownNode {
  const why = writeCap === '' ? undefined : whyNoWriteCap(writeCap, readCap, immutableHere, name);
  if (why) {
    return refusedNode(why);
  }
  const weak = readCap || writeCap; // a marked one may come in either place
  const error = whyUnknown(weak, immutableHere, name);
  if (error) {
    return refusedNode(error);
  }
  if (immutableHere) {
    return unknownNode(undefined, `imm.${weak.replace(MARK, '')}`);
  }
  return unknownNode(
    readCap === '' ? undefined : writeCap || undefined,
    MARK.test(weak) ? weak : `ro.${weak}`,
  );
}

/**
 * The thing behind a write cap, or where there is none behind a read cap (empty = none). A read cap in the write slot is
 * taken as what it is. `name` is for the text of errors.
 */
export function nodeFromCaps(writeCap: string, readCap: string, immutableHere: boolean, name: string): Node {
  const text = writeCap || readCap;
  if (text === '') {
    return unknownNode(undefined, undefined);
  }
  const cap = parseFor(text, immutableHere);
  if (cap.kind === 'chk' || cap.kind === 'lit' || (cap.kind === 'mutable' && !cap.isDirectory)) {
    return { kind: 'file', cap };
  }
  if (isDirectoryCap(cap)) {
    return { kind: 'directory', cap };
  }
  return makeUnknown(writeCap, readCap, immutableHere, name);
}

/** Throws why `node` may not be linked, if so. */
export function checkLinkable(node: Node): void {
  if (node.kind === 'unknown' && node.error) {
    throw node.error;
  }
}

export function isMutable(node: FileNode | DirectoryNode): boolean {
  return node.cap.kind === 'mutable';
}

export function isWritable(cap: FileCap | DirectoryCap): cap is MutableCap {
  return cap.kind === 'mutable' && cap.isWritable;
}

export function writeCapOf(node: Node): string | undefined {
  if (node.kind === 'unknown') {
    return node.writeCap;
  }
  return isWritable(node.cap) ? node.cap.text : undefined;
}

export function readCapOf(node: Node): string | undefined {
  return node.kind === 'unknown' ? node.readCap : readOnlyText(node.cap);
}

/** The strongest cap there is: what a node answers a write with. */
export function capTextOf(node: Node): string {
  return writeCapOf(node) ?? readCapOf(node) ?? '';
}

export function verifyCapOf(node: Node): string | undefined {
  return node.kind === 'unknown' ? undefined : verifyText(node.cap);
}
