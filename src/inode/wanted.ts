// Children as we want them linked: the caps, our mark, and what others had noted on the edge.
import { FsError } from '../base/errors.ts';
import type { WantedChild } from '../edits/edit.ts';
import type { Child } from '../tahoe/grid.ts';
import {
  believedMark,
  contentHash,
  type EdgeTimes,
  MAX_PROPERTIES,
  MAX_PROPERTY_BYTES,
  markOf,
  newToken,
  type OurMark,
  timesOf,
  withMark,
} from './edge.ts';
import type { FileFacts } from './file-inode.ts';
import type { Checksums, PropertyValues } from './tree.ts';

/** What is known of a file whose bytes were stored just now. */
export interface AboutFile {
  /** Base64url. */
  readonly sha256: string;
  readonly modifiedAtMs: number;
  readonly contentType: string | undefined;
  readonly checksums?: Checksums | undefined;
}

/** A file whose bytes were stored just now. `old` is what it replaces: others' keys on that edge are kept. */
export function wantedFile(readCap: string, about: AboutFile, old: Child | undefined): WantedChild {
  const token = newToken();
  // New content keeps what clients had set on the old (properties, time of birth), if it still belonged to that.
  const kept = old && believedMark(old);
  const mark: OurMark = {
    c: contentHash(readCap),
    h: about.sha256,
    m: about.modifiedAtMs,
    t: token,
    ...(about.contentType === undefined ? {} : { y: about.contentType }),
    ...(kept?.b === undefined ? {} : { b: kept.b }),
    ...markedChecksums(about.checksums),
    ...(kept?.p === undefined ? {} : { p: kept.p }),
  };
  return { kind: 'file', writeCap: undefined, readCap, token, metadata: withMark(old?.metadata, mark) };
}

/** As a mark has them: SHA-256 stands there by itself. */
export function markedChecksums(checksums: Checksums | undefined): Pick<OurMark, 'k'> {
  const { sha256: _own, ...others } = checksums ?? {};
  return Object.keys(others).length === 0 ? {} : { k: others };
}

/** A directory made just now, or to be as old as `times`; as a copy of `original`, with what clients had set on that. */
export function wantedDirectory(
  writeCap: string,
  readCap: string,
  times: number | EdgeTimes,
  original?: Child,
): WantedChild {
  const token = newToken();
  const p = original && markOf(original.metadata)?.p;
  const mark: OurMark = {
    c: contentHash(readCap),
    ...(typeof times === 'number' ? { m: times } : { m: times.modifiedAtMs, b: times.createdAtMs }),
    t: token,
    ...(p === undefined ? {} : { p }),
  };
  return { kind: 'directory', writeCap, readCap, token, metadata: withMark(undefined, mark) };
}

/** The same child at another name, with its times and whatever is noted of it. */
export function wantedAgain(child: Child): WantedChild {
  const token = newToken();
  const old = markOf(child.metadata);
  const mark: OurMark = old
    ? { ...old, t: token }
    : {
        // Linking it anew resets the node's own times: keep what they say now.
        c: child.readCap === undefined ? '' : contentHash(child.readCap),
        m: timesOf(child.metadata, undefined).modifiedAtMs,
        t: token,
      };
  const { kind, writeCap, readCap } = child;
  return { kind, writeCap, readCap, token, metadata: withMark(child.metadata, mark) };
}

/** The same child with another mark. */
export function wantedWithMark(child: Child, mark: Omit<OurMark, 't'>): WantedChild {
  const token = newToken();
  const { kind, writeCap, readCap } = child;
  return { kind, writeCap, readCap, token, metadata: withMark(child.metadata, { ...mark, t: token }) };
}

/** The same child with other property values. Throws `no-space` where they are more than an edge may carry. */
export function wantedWithProperties(
  child: Child,
  facts: FileFacts,
  decide: (mark: OurMark | undefined) => PropertyValues,
): WantedChild {
  const isFile = child.kind === 'file';
  const old = isFile ? facts.mark : markOf(child.metadata);
  const { modifiedAtMs, createdAtMs, deadProperties } = decide(old);
  const {
    t: _token,
    p: oldProperties,
    ...rest
  } = old ?? {
    c: facts.contentHash ?? (child.readCap === undefined ? '' : contentHash(child.readCap)),
    m: timesOf(child.metadata, undefined).modifiedAtMs,
  };
  const p = deadProperties?.map(({ uri, local, xml }) => [uri, local, xml] as const) ?? oldProperties ?? [];
  const bytes = p.reduce((sum, parts) => sum + Buffer.byteLength(parts.join('')), 0);
  if (p.length > MAX_PROPERTIES || bytes > MAX_PROPERTY_BYTES) {
    throw new FsError(
      'no-space',
      `a resource may have ${MAX_PROPERTIES} properties of ${MAX_PROPERTY_BYTES} bytes in all`,
    );
  }
  return wantedWithMark(child, {
    ...rest,
    ...(modifiedAtMs === undefined ? {} : { m: modifiedAtMs }),
    ...(createdAtMs === undefined ? {} : { b: createdAtMs }),
    ...(p.length === 0 ? {} : { p }),
  });
}
