// Files whose bytes are here alone, or were when they were wanted.
import type { BaseChild, PendingEdit } from '../edits/pending.ts';
import { type LocalFileCap, parseOwnCap } from '../tahoe/caps.ts';

export function localFileOf({ want }: Pick<PendingEdit, 'want'>): LocalFileCap | undefined {
  return want && localCapOf(want);
}

export function localCapOf({ kind, readCap }: BaseChild): LocalFileCap | undefined {
  const cap = kind === 'file' ? parseOwnCap(readCap ?? '') : undefined;
  return cap?.kind === 'local-file' ? cap : undefined;
}
