// An open inode with all the handles on it. It lasts as long as there is one.
import { internalError } from '../base/errors.ts';
import type { OpenInode } from './open-inode.ts';

export class SharedInode {
  readonly inode: OpenInode;
  readonly #onUnused: () => void;
  #handles = 0;
  #writers = 0;

  /** `onUnused` is called when nobody may join it any more. */
  constructor(inode: OpenInode, onUnused: () => void) {
    this.inode = inode;
    this.#onUnused = onUnused;
  }

  join(isWriting: boolean): void {
    this.#handles += 1;
    if (isWriting) {
      this.beginWriting();
    }
  }

  beginWriting(): void {
    this.#writers += 1;
  }

  /** A handle will write no more. True where no other one may: then what was written is for it to commit or give up. */
  endWriting(): boolean {
    this.#writers -= 1;
    if (this.#writers < 0) {
      throw internalError('more handles ended than began to write');
    }
    return this.#writers === 0;
  }

  /** Gives up what was written; those who still read see the old version. */
  async revert(): Promise<void> {
    this.#onUnused();
    await this.inode.revert();
  }

  async leave(): Promise<void> {
    this.#handles -= 1;
    if (this.#handles === 0) {
      this.#onUnused();
      await this.inode.dispose();
    }
  }
}
