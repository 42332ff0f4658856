// An edit: one name of one directory that is to differ from what the grid had there. It is written down before
// the grid is asked and forgotten only when the grid is proved to have it, so that a crash in between leaves
// something to go on from.

/** A child as we want it linked; `token` is the mark by which our own write is known again on the grid. */
export interface WantedChild {
  readonly kind: 'file' | 'directory' | 'unknown';
  readonly writeCap: string | undefined;
  readonly readCap: string | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly token: string;
}

/** A child as the grid has it. */
export interface SeenChild {
  readonly kind: 'file' | 'directory' | 'unknown';
  readonly writeCap: string | undefined;
  readonly readCap: string | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The write token in our metadata, where there is one. */
  readonly token: string | undefined;
}

/** Where an edit belongs. */
export interface EditPlace {
  readonly dirId: string;
  /** NFC. */
  readonly name: string;
}

export interface Edit extends EditPlace {
  /** With it a later process can go on without having walked there. */
  readonly dirWriteCap: string;
  /** The child wanted; undefined = the name is to be gone. */
  readonly want: WantedChild | undefined;
  /**
   * Fingerprints of what this replaces or removes: the grid's child at that time, and what earlier changes of ours
   * had there, since a racing writer may bring it back, and a call that was never answered may still put it there.
   */
  readonly bases: readonly string[];
  /** What stood there, where this is the second half of a move. */
  readonly replaces?: Pick<SeenChild, 'kind' | 'writeCap' | 'readCap'>;
  /** This edit waits until that one is done, and falls with it: a MOVE links before it unlinks. */
  readonly after?: EditPlace;
}

/**
 * Equal for two children that are the same thing on the grid, whatever their metadata, and for the absence of one.
 * Holds caps: never log it.
 */
export function fingerprint(child: Pick<SeenChild, 'kind' | 'writeCap' | 'readCap'> | undefined): string {
  return child === undefined ? 'absent' : `${child.kind} ${child.writeCap ?? ''} ${child.readCap ?? ''}`;
}

/** The child of a fingerprint; undefined for the absence of one. */
export function childOf(print: string): Pick<SeenChild, 'kind' | 'writeCap' | 'readCap'> | undefined {
  const [kind, writeCap, readCap] = print.split(' ');
  return kind === 'file' || kind === 'directory' || kind === 'unknown'
    ? { kind, writeCap: writeCap || undefined, readCap: readCap || undefined }
    : undefined;
}

/** A name that is written all the time must not make its edit grow. */
const MAX_BASES = 8;

/** Bases from old to new, each once: the oldest two, which an empty or young directory goes back to, and the newest. */
export function basesOf(fingerprints: readonly string[]): readonly string[] {
  const all = [...new Set(fingerprints)];
  return all.length <= MAX_BASES ? all : [...all.slice(0, 2), ...all.slice(2 - MAX_BASES)];
}

/** One text for one place. */
export function placeKey({ dirId, name }: EditPlace): string {
  return `${dirId}/${name}`;
}

export function samePlace(a: EditPlace, b: EditPlace): boolean {
  return a.dirId === b.dirId && a.name === b.name;
}

/** How an edit stands to what the grid has at its name now. */
export type Standing =
  | 'done' // the grid has what is wanted
  | 'open' // the grid has what the edit is based on: it can be applied
  | 'overtaken'; // the grid has something else: somebody changed the same name

export function standingOf(edit: Edit, current: SeenChild | undefined): Standing {
  const { want } = edit;
  if (want === undefined || current === undefined ? want === current : isOurs(want, current)) {
    return 'done';
  }
  const now = fingerprint(current);
  // The cap that we want is there already, but without our token: linking it again takes nothing from anybody.
  return edit.bases.includes(now) || now === fingerprint(want) ? 'open' : 'overtaken';
}

/** The token alone says little: a node that puts another file at the name keeps the metadata. */
function isOurs(want: WantedChild, current: SeenChild): boolean {
  // What the node knows nothing of it gives back in words of its own.
  return current.token === want.token && (current.kind === 'unknown' || current.readCap === want.readCap);
}
