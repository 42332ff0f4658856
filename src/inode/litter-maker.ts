// New things where the grid takes all but the litter, which stays here.
import type { Readable } from 'node:stream';
import { type LitterKind, type LitterRules, litterOn } from '../base/litter.ts';
import type { WantedChild } from '../edits/edit.ts';
import { isLocalText } from '../tahoe/caps.ts';
import type { DirectoryCaps, GridMaker, LocalMaker, Maker, NewFile } from './maker.ts';
import type { Stored } from './upload.ts';

export class LitterMaker implements Maker {
  readonly linksLocal = false;
  readonly #here: LocalMaker;
  readonly #grid: GridMaker;
  readonly #litter: LitterRules;

  constructor(here: LocalMaker, grid: GridMaker, litter: LitterRules) {
    this.#here = here;
    this.#grid = grid;
    this.#litter = litter;
  }

  async admit(): Promise<void> {
    // who takes the body says no by itself
  }

  async file(body: Readable, about: NewFile): Promise<Stored<string>> {
    const { parent, name } = about.place;
    const isLitter = about.isLitter ?? litterOn([...parent.path, name], this.#litter) !== undefined;
    return await (isLitter ? this.#here : this.#grid).file(body, about);
  }

  async abandonFile(readCap: string): Promise<void> {
    if (isLocalText(readCap)) {
      await this.#here.abandonFile(readCap);
    }
  }

  async directory(
    children: ReadonlyMap<string, WantedChild>,
    signal?: AbortSignal,
    staysHere?: LitterKind,
  ): Promise<DirectoryCaps> {
    return await (staysHere === undefined ? this.#grid : this.#here).directory(children, signal, staysHere);
  }

  async abandon(dirWriteCaps: readonly string[]): Promise<void> {
    await this.#here.abandon(dirWriteCaps.filter(isLocalText));
  }
}
