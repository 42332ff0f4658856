// Listings on stable storage, so that a start needs no grid. In pages of at most 256 children by name, so that one
// changed child rewrites one page.
//
//   listing/<dir id>               {format, label, hasWriteCaps, pages: [{id, from}]}: the pages in the order of names
//   listing-page/<dir id>/<id>     {children: [[name, kind, read cap | null, metadata]], sealed?}
//
// Write caps lie in `sealed`, under a key that only the root's write cap gives: the store as a whole opens with the
// read cap. New pages are written first, under ids of their own, then the head, together with the end of the old ones:
// a crash between the two leaves the old listing whole. Pages that no head names, left by such a crash, are looked for
// once for each directory and process, at its first save.
import { yieldToLoop } from '../base/clock.ts';
import { FsError, hasCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { MetaStore, RecordChange } from '../meta/meta-store.ts';
import { randomId } from '../seal/random.ts';
import type { Child } from '../tahoe/grid.ts';
import { type Page, pagesOf } from './listing-pages.ts';

/** Hides write caps under a key from the root's write cap; undefined where the root can only be read. */
export interface WriteCapCodec {
  seal(text: string, place: string): string;
  /** Throws `corrupt` where it does not open. */
  open(sealed: string, place: string): string;
}

/** A listing as it is kept. */
export interface KeptListing {
  readonly children: ReadonlyMap<string, Child>;
  /** The version that it was read under; undefined = it is read again. */
  readonly label: string | undefined;
  /** It was read by the directory's write cap. */
  readonly hasWriteCaps: boolean;
}

/** What lies in the store of one listing; handed back with the next save. */
export interface Saved {
  readonly pages: readonly Page[];
  /** No other pages lie there. */
  readonly isSwept: boolean;
}

interface Head {
  readonly format: number;
  readonly label: string | null;
  readonly hasWriteCaps: boolean;
  readonly pages: ReadonlyArray<{ readonly id: string; readonly from: string }>;
}

type StoredChild = readonly [
  name: string,
  kind: Child['kind'],
  readCap: string | null,
  metadata: Child['metadata'],
];

interface StoredPage {
  readonly children: readonly StoredChild[];
  readonly sealed?: string;
}

const FORMAT = 1;
/** 256 children come to some 130 KiB. */
const PAGES_A_COMMIT = 4;
const NOTHING_SAVED: Saved = { pages: [], isSwept: false };

export class ListingStore {
  readonly #store: MetaStore;
  readonly #codec: WriteCapCodec | undefined;
  readonly #log: Logger;
  /** Directories whose listing a newer program keeps: it is left to that one. */
  readonly #ofNewer = new Set<string>();

  constructor(store: MetaStore, codec: WriteCapCodec | undefined, log: Logger) {
    this.#store = store;
    this.#codec = codec;
    this.#log = log;
  }

  /** Undefined where there is none, or none that can be used: then it is as if it had never been read. */
  async load(dirId: string): Promise<{ readonly listing: KeptListing; readonly saved: Saved } | undefined> {
    try {
      return await this.#load(dirId);
    } catch (error) {
      this.#log.warn({ dir: dirId, err: error }, 'a listing kept from an earlier time can not be read');
      if (hasCode(error, 'corrupt')) {
        await this.drop(dirId);
      }
      return undefined;
    }
  }

  /**
   * Resolves to what lies in the store now. Undefined where the listing was not written: that is logged, what lies there
   * is whole or absent, and the next save must begin anew. Of one directory only one call may run, after a `load`.
   */
  async save(dirId: string, listing: KeptListing, before: Saved | undefined): Promise<Saved | undefined> {
    if (this.#ofNewer.has(dirId)) {
      return undefined;
    }
    try {
      return await this.#save(dirId, listing, before ?? NOTHING_SAVED);
    } catch (error) {
      this.#log.warn({ dir: dirId, err: error }, 'a listing could not be kept on disk');
      return undefined;
    }
  }

  /** Never throws: what can't be dropped is overwritten or dropped later. */
  async drop(dirId: string): Promise<void> {
    try {
      const head = await this.#head(dirId);
      if (head !== undefined && isOfNewer(head)) {
        return;
      }
      const named = (head?.pages ?? []).map(({ id }) => pageKey(dirId, id));
      const keys = new Set([headKey(dirId), ...named, ...(await this.#pagesThere(dirId))]);
      await this.#store.commit([...keys].map((key) => ({ key, value: undefined })));
    } catch (error) {
      this.#log.debug({ dir: dirId, err: error }, 'a kept listing could not be dropped');
    }
  }

  async #load(dirId: string): Promise<{ readonly listing: KeptListing; readonly saved: Saved } | undefined> {
    const head = (await this.#store.get(headKey(dirId)))?.value as Head | undefined;
    if (head === undefined) {
      return undefined;
    }
    if (isOfNewer(head)) {
      this.#ofNewer.add(dirId);
      return undefined;
    }
    const isToOpen = head.hasWriteCaps && this.#codec !== undefined;
    const children = new Map<string, Child>();
    const pages: Page[] = [];
    for (const { id, from } of head.pages) {
      const key = pageKey(dirId, id);
      const stored = (await this.#store.get(key))?.value as StoredPage | undefined;
      if (stored === undefined) {
        throw new FsError('corrupt', 'a page of a listing is missing');
      }
      const writeCaps = isToOpen && stored.sealed !== undefined ? this.#opened(stored.sealed, key) : [];
      const page: Page = { id, from, names: [], children: [] };
      for (const [index, [name, kind, readCap, metadata]] of stored.children.entries()) {
        const child: Child = {
          kind,
          writeCap: writeCaps[index] ?? undefined,
          readCap: readCap ?? undefined,
          metadata,
        };
        children.set(name, child);
        page.names.push(name);
        page.children.push(child);
      }
      pages.push(page);
      await yieldToLoop();
    }
    const listing = { children, label: head.label ?? undefined, hasWriteCaps: isToOpen };
    return { listing, saved: { pages, isSwept: false } };
  }

  async #save(dirId: string, listing: KeptListing, before: Saved): Promise<Saved> {
    const { children, label } = listing;
    const pages = await pagesOf(children, before.pages, randomId);
    const kept = new Set(before.pages.map(({ id }) => id));
    const fresh = pages.filter(({ id }) => !kept.has(id));
    const now = new Set(pages.map(({ id }) => id));
    const old = new Set([...kept].map((id) => pageKey(dirId, id)));
    if (!before.isSwept) {
      for (const key of await this.#pagesThere(dirId)) {
        old.add(key);
      }
    }
    for (const id of now) {
      old.delete(pageKey(dirId, id));
    }
    const head: Head = {
      format: FORMAT,
      label: label ?? null,
      // Without a codec no write cap is written down.
      hasWriteCaps: listing.hasWriteCaps && this.#codec !== undefined,
      pages: pages.map(({ id, from }) => ({ id, from })),
    };
    const last: RecordChange[] = [
      { key: headKey(dirId), value: head },
      ...[...old].map((key) => ({ key, value: undefined })),
    ];
    const written: string[] = [];
    try {
      let changes: RecordChange[] = [];
      for (const page of fresh) {
        if (changes.length >= PAGES_A_COMMIT) {
          await this.#store.commit(changes);
          changes = [];
        }
        const key = pageKey(dirId, page.id);
        changes.push({ key, value: this.#stored(page, key) });
        written.push(key);
        await yieldToLoop();
      }
      await this.#store.commit([...changes, ...last]);
    } catch (error) {
      // The first failure says more than one of tidying up.
      await this.#store.commit(written.map((key) => ({ key, value: undefined }))).catch(() => undefined);
      throw error;
    }
    return { pages, isSwept: true };
  }

  /** Undefined also where it does not open: it is overwritten then, or dropped. */
  async #head(dirId: string): Promise<Head | undefined> {
    try {
      return (await this.#store.get(headKey(dirId)))?.value as Head | undefined;
    } catch (error) {
      if (hasCode(error, 'corrupt')) {
        return undefined;
      }
      throw error;
    }
  }

  /** The keys of all pages of a directory, whether a head names them or not; up to the first that does not open. */
  async #pagesThere(dirId: string): Promise<readonly string[]> {
    const keys: string[] = [];
    try {
      for await (const { key } of this.#store.scan(`listing-page/${dirId}/`)) {
        keys.push(key);
        await yieldToLoop();
      }
    } catch (error) {
      if (!hasCode(error, 'corrupt')) {
        throw error;
      }
    }
    return keys;
  }

  #stored(page: Page, key: string): StoredPage {
    const children = page.children.map((child, index): StoredChild => {
      return [page.names[index] ?? '', child.kind, child.readCap ?? null, child.metadata];
    });
    const hasCaps = page.children.some(({ writeCap }) => writeCap !== undefined);
    if (this.#codec === undefined || !hasCaps) {
      return { children };
    }
    const writeCaps = page.children.map(({ writeCap }) => writeCap ?? null);
    return { children, sealed: this.#codec.seal(JSON.stringify(writeCaps), key) };
  }

  #opened(sealed: string, key: string): ReadonlyArray<string | null> {
    return JSON.parse(this.#codec?.open(sealed, key) ?? '[]') as Array<string | null>;
  }
}

function isOfNewer({ format }: Head): boolean {
  return format > FORMAT;
}

function headKey(dirId: string): string {
  return `listing/${dirId}`;
}

function pageKey(dirId: string, id: string): string {
  return `listing-page/${dirId}/${id}`;
}
