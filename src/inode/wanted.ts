// Children as we want them linked: the caps, our mark, and what others had noted on the edge.
import type { WantedChild } from '../edits/edit.ts';
import { identityOf, parseCap } from '../tahoe/caps.ts';
import type { Child, EdgeMetadata } from '../tahoe/grid.ts';
import { contentHash, markOf, newToken, type OurMark, timesOf, withMark } from './edge.ts';

/** A file whose bytes were stored just now. `old` is what it replaces: others' keys on that edge are kept. */
export function wantedFile(
  readCap: string,
  about: { readonly sha256: string; readonly modifiedAtMs: number; readonly contentType: string | undefined },
  old: EdgeMetadata | undefined,
): WantedChild {
  const token = newToken();
  const mark: OurMark = {
    c: contentHash(readCap),
    h: about.sha256,
    m: about.modifiedAtMs,
    t: token,
    ...(about.contentType === undefined ? {} : { y: about.contentType }),
  };
  return { kind: 'file', writeCap: undefined, readCap, token, metadata: withMark(old, mark) };
}

/** A directory made just now. */
export function wantedDirectory(writeCap: string, readCap: string, nowMs: number): WantedChild {
  const token = newToken();
  const mark: OurMark = { c: contentHash(readCap), m: nowMs, t: token };
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

/** What a thing is, whatever cap of it one has; undefined for a child without caps. */
export function identityOfChild(child: Child): string | undefined {
  const cap = child.writeCap ?? child.readCap;
  return cap === undefined ? undefined : identityOf(parseCap(cap));
}
