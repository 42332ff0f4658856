// New content for a mutable file, written in place: its cap, and with it all its links, stay what they are.
import type { Readable } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { parseCap } from '../tahoe/caps.ts';
import type { Child, Grid } from '../tahoe/grid.ts';
import type { Changer } from './changer.ts';
import { type Files, mutableContentHash } from './file-inode.ts';
import type { Place } from './locate.ts';
import type { Places } from './places.ts';
import type { Changed, WriteOptions } from './tree.ts';
import { sendBody } from './upload.ts';
import { markedChecksums, wantedWithMark } from './wanted.ts';

export interface OverwriteParts {
  readonly grid: Grid;
  readonly files: Files;
  readonly places: Places;
  readonly changer: Changer;
  readonly clock: Clock;
  readonly log: Logger;
}

const MAYBE_MUTABLE = /^(?:ro\.|imm\.)?URI:(?:SSK|MDMF|DIR2)/;

export function isMutable(child: Child): boolean {
  const cap = child.writeCap ?? child.readCap;
  // Taking a cap apart takes 5 us, and this is asked of each of thousands in one go.
  return cap !== undefined && MAYBE_MUTABLE.test(cap) && parseCap(cap).kind === 'mutable';
}

export interface Overwritten {
  readonly changed: Changed;
  /** What stands at the name now. */
  readonly child: Child;
  /** That the bytes are; undefined where nobody can tell. */
  readonly version: string | undefined;
}

export interface OverwriteOptions extends WriteOptions {
  /** The only version that may be replaced; any other is a `conflict`. */
  readonly baseVersion?: string;
}

/** Throws `read-only` without a write cap. A body that breaks off changes nothing. */
export async function overwriteMutable(
  { grid, files, places, changer, clock, log }: OverwriteParts,
  place: Place,
  child: Child,
  body: Readable,
  options: OverwriteOptions,
): Promise<Overwritten> {
  const { writeCap } = child;
  if (writeCap === undefined) {
    throw new FsError('read-only', 'the file is mutable, and linked here by its read cap only');
  }
  options.onAccepted?.();
  const before = await files.version(writeCap);
  requireBase(options.baseVersion, before);
  const beforeEnd = async (): Promise<void> => {
    if (options.guard ?? options.baseVersion) {
      const now = await files.version(writeCap);
      requireBase(options.baseVersion, now);
      if (now !== before) {
        files.forget(writeCap);
        options.guard?.(await places.describeWhole(place, child));
      }
    }
    options.lastWord?.();
  };
  const stored = await sendBody(body, { expectedBytes: options.expectedBytes, beforeEnd }, (whole) =>
    grid.overwrite(writeCap, whole, options.signal),
  ).finally(() => files.forget(writeCap));
  // A write inside a mutable file leaves its edge as it was: our mark is what dates the new version.
  const version = await files.version(writeCap);
  const mark = {
    c: mutableContentHash(child, version),
    h: stored.sha256,
    m: options.modifiedAtMs ?? clock.now(),
    ...(options.contentType === undefined ? {} : { y: options.contentType }),
    ...markedChecksums(options.checksums?.()),
  };
  let want = wantedWithMark(child, mark);
  await changer
    .change(place.parent, {
      names: [place.name],
      decide: (state) => {
        const current = state.get(place.name);
        if (!current || !places.isSame(current, child)) {
          return { wants: [] };
        }
        want = wantedWithMark(current, mark);
        return { wants: [{ name: place.name, want }] };
      },
    })
    .catch((error: unknown) => {
      // The bytes are safe in the file itself; what is missing is its date.
      log.warn({ err: error }, 'a mutable file was written, its modification time could not be');
    });
  const resource = await places.describeWhole({ ...place, child: want }, want);
  return { changed: { isNew: false, resource }, child: want, version };
}

function requireBase(base: string | undefined, now: string | undefined): void {
  if (base !== undefined && now !== base) {
    throw new FsError('conflict', 'the mutable file was changed by somebody else meanwhile');
  }
}
