// What a changed block of an open file is held in, whatever that is made of. Interface only.

/** Changed blocks of one file. Writes come one after the other; reads may overlap with them and with one another. */
export interface Scratch {
  /**
   * Writes all of `blocks` beside what is held, or throws and has changed nothing: `no-space` where there is no room,
   * `unavailable` where the disk fails. They take the place of what is held at their indexes when the function that
   * this resolves with is called, at once; it must be. The caller keeps the bytes as they are until then.
   */
  write(blocks: ReadonlyMap<number, Buffer>): Promise<() => void>;
  /** The block as it was when this was called. `corrupt` where it isn't what was written, or was never written. */
  read(index: number): Promise<Buffer>;
  /** The block is not wanted any more. */
  drop(index: number): void;
  /** Nothing is left; reads that run end first. */
  dispose(): Promise<void>;
}
