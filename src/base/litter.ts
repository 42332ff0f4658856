// Names of files that clients' systems drop into every folder and that nobody asked for, and what is to become of them.
// The list is here alone.
import type { TreePath } from './path.ts';

/** `keep`: as any file. `local`: stays on this machine. `refuse`: none is made. */
export type LitterPolicy = 'keep' | 'local' | 'refuse';

export type LitterKind = 'appleDouble' | 'litter';

export type LitterRules = Readonly<Record<LitterKind, LitterPolicy>>;

export const KEEP_LITTER: LitterRules = { appleDouble: 'keep', litter: 'keep' };

/** macOS writes one beside each file where the server has no place for its attributes and resource forks. */
const APPLE_DOUBLE = /^\._./s;

/** Without case, as Windows names things. Folders whose contents people may want back ($RECYCLE.BIN) are none of it. */
const LITTER: ReadonlySet<string> = new Set([
  '.ds_store',
  '.trashes',
  '.fseventsd',
  '.temporaryitems',
  '.metadata_never_index',
  '.apdisk',
  'thumbs.db',
  'ehthumbs.db',
  'ehthumbs_vista.db',
  'desktop.ini',
  '.directory',
]);
const SPOTLIGHT = '.spotlight-';

export function litterKindOf(name: string): LitterKind | undefined {
  if (APPLE_DOUBLE.test(name)) {
    return 'appleDouble';
  }
  const folded = name.toLowerCase();
  return LITTER.has(folded) || folded.startsWith(SPOTLIGHT) ? 'litter' : undefined;
}

/** The uppermost name of a path that is litter and not to be kept: what is below it shares its lot. */
export function litterOn(path: TreePath, rules: LitterRules): LitterKind | undefined {
  for (const name of path) {
    const kind = litterKindOf(name);
    if (kind !== undefined && rules[kind] !== 'keep') {
      return kind;
    }
  }
  return undefined;
}

export function isRefused(path: TreePath, rules: LitterRules): boolean {
  return path.some((name) => {
    const kind = litterKindOf(name);
    return kind !== undefined && rules[kind] === 'refuse';
  });
}
