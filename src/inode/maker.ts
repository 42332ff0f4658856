// Where new things come into being before they are linked: on the grid, or here.
import type { Readable } from 'node:stream';
import type { LitterKind } from '../base/litter.ts';
import type { WantedChild } from '../edits/edit.ts';
import {
  identityOf,
  LIT_MAX_BYTES,
  localDirText,
  localFileText,
  parseCap,
  parseOwnCap,
  readOnlyText,
} from '../tahoe/caps.ts';
import type { Grid, UploadBody } from '../tahoe/grid.ts';
import type { Contents } from './contents.ts';
import type { LocalChanges } from './local-changes.ts';
import type { Place } from './locate.ts';
import { type SendOptions, type Stored, sendBody } from './upload.ts';

export interface NewFile extends SendOptions {
  /** Where it is to stand. */
  readonly place: Place;
  readonly contentType: string | undefined;
  readonly modifiedAtMs: number;
  readonly signal: AbortSignal | undefined;
  /** Whether it is to stay on this machine, where `place` does not tell. */
  readonly isLitter?: boolean;
}

export interface DirectoryCaps {
  readonly writeCap: string;
  readonly readCap: string;
}

export interface Maker {
  /** What is not on the grid may be linked as it is. */
  readonly linksLocal: boolean;
  /** Says no (`no-space`) before a body of so many bytes is asked for; undefined = nobody knows how many. */
  admit(sizeBytes: number | undefined, signal: AbortSignal | undefined): Promise<void>;
  /** Takes a body to its end; gives the read cap. A body that fails leaves nothing. */
  file(body: Readable, about: NewFile): Promise<Stored<string>>;
  /** The file was taken in, and will be linked nowhere. Rejects never. */
  abandonFile(readCap: string): Promise<void>;
  /** Linked nowhere yet, with its children; `staysHere`: it is to stand where litter does. */
  directory(
    children: ReadonlyMap<string, WantedChild>,
    signal?: AbortSignal,
    staysHere?: LitterKind,
  ): Promise<DirectoryCaps>;
  /** Directories that were made and will not be linked, by their write caps. */
  abandon(dirWriteCaps: readonly string[]): Promise<void>;
}

export class GridMaker implements Maker {
  readonly linksLocal = false;
  readonly #grid: Grid;
  readonly #contents: Contents;

  constructor(grid: Grid, contents: Contents) {
    this.#grid = grid;
    this.#contents = contents;
  }

  async admit(): Promise<void> {
    // the node says no by itself
  }

  async file(body: Readable, about: NewFile): Promise<Stored<string>> {
    return await sendBody(body, about, (whole) => this.#upload(whole, about.signal));
  }

  async abandonFile(): Promise<void> {
    // nothing leads to it: its shares end with their leases
  }

  async directory(children: ReadonlyMap<string, WantedChild>, signal?: AbortSignal): Promise<DirectoryCaps> {
    const writeCap = await this.#grid.makeDirectory(children, signal);
    return { writeCap, readCap: readOnlyText(parseCap(writeCap)) };
  }

  async abandon(): Promise<void> {
    // nothing leads to them: their shares end with their leases
  }

  /** A small file is kept here, too: who wrote it reads it next. */
  async #upload(body: UploadBody, signal: AbortSignal | undefined): Promise<string> {
    const cap = await this.#grid.upload(body, signal);
    if ('bytes' in body && body.bytes.length > LIT_MAX_BYTES) {
      this.#contents.keepSoon(identityOf(parseCap(cap)), body.bytes);
    }
    return cap;
  }
}

/** What a body was, and where it was to stand: enough to bring it back without any other record. */
export interface BodyManifest {
  readonly dirId: string;
  readonly dirCap: string;
  readonly path: readonly string[];
  readonly contentType?: string;
  readonly modifiedAtMs: number;
}

/** Takes bodies in, durably. */
export interface BodyStore {
  admit(sizeBytes: number | undefined, signal?: AbortSignal): Promise<void>;
  receive(
    body: Readable,
    options: SendOptions & {
      readonly manifest: () => BodyManifest;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<{ readonly id: string; readonly sizeBytes: number; readonly sha256: string }>;
  remove(ids: readonly string[]): Promise<void>;
}

export class LocalMaker implements Maker {
  readonly linksLocal = true;
  readonly #bodies: BodyStore;
  readonly #changes: LocalChanges;
  readonly #newId: () => string;

  constructor(bodies: BodyStore, changes: LocalChanges, newId: () => string) {
    this.#bodies = bodies;
    this.#changes = changes;
    this.#newId = newId;
  }

  async admit(sizeBytes: number | undefined, signal: AbortSignal | undefined): Promise<void> {
    await this.#bodies.admit(sizeBytes, signal);
  }

  async file(body: Readable, about: NewFile): Promise<Stored<string>> {
    const { place, contentType, modifiedAtMs, ...options } = about;
    const { parent, name } = place;
    const { id, sizeBytes, sha256 } = await this.#bodies.receive(body, {
      ...options,
      manifest: () => ({
        dirId: parent.dir.dirId,
        dirCap: parent.dir.dirWriteCap,
        path: [...parent.path, name],
        ...(contentType === undefined ? {} : { contentType }),
        modifiedAtMs,
      }),
    });
    return { result: localFileText(id, sizeBytes), sizeBytes, sha256 };
  }

  async abandonFile(readCap: string): Promise<void> {
    const cap = parseOwnCap(readCap);
    if (cap.kind === 'local-file') {
      await this.#bodies.remove([cap.id]).catch(() => undefined); // the next start puts it away
    }
  }

  async directory(
    children: ReadonlyMap<string, WantedChild>,
    _signal?: AbortSignal,
    staysHere?: LitterKind,
  ): Promise<DirectoryCaps> {
    const cap = localDirText(this.#newId());
    await this.#changes.makeDirectory(identityOf(parseOwnCap(cap)), children, staysHere);
    return { writeCap: cap, readCap: cap };
  }

  async abandon(dirWriteCaps: readonly string[]): Promise<void> {
    await this.#changes.abandon(dirWriteCaps.map((cap) => identityOf(parseOwnCap(cap))));
  }
}
