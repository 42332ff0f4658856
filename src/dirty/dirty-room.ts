// How much may lie here: the bound that the operator set, and what the disk has to keep free. What is being received
// counts at once, so that many bodies together can't pass either. Near the bound writers are slowed.
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import { Limiter } from '../base/limiter.ts';
import type { Share, SharedAllowance } from '../base/shared-allowance.ts';
import { contentPagesBytes, PAGE_BYTES } from '../cache/slots.ts';

export interface DirtyRoomOptions {
  /** Undefined = no bound but the disk. */
  readonly maxBytes: number | undefined;
  /** Where others have a part in that bound. */
  readonly allowance?: SharedAllowance | undefined;
  readonly minFreeBytes: number;
  /** Gives up what can be had again, for so many bytes; false = there is nothing more. */
  readonly makeRoom: (bytes: number) => Promise<boolean>;
  /** Gives up blobs that nobody waits for, for so many bytes; false = there is none. */
  readonly giveUp?: ((bytes: number) => Promise<boolean>) | undefined;
  readonly freeBytes: () => Promise<number>;
  readonly clock: Clock;
}

/** From here on writers are slowed: nothing at first, MAX_DELAY_MS at the bound. */
const SLOW_FROM = 3 / 4;
const MAX_DELAY_MS = 5_000;
const DELAY_STEP_MS = 250;
const FREE_MAX_AGE_MS = 100;
/** Who says that there is room and makes none is not believed for ever. */
const MAX_TRIES = 16;

export class DirtyRoom {
  readonly #o: DirtyRoomOptions;
  readonly #share: Share | undefined;
  #bytes = 0;
  /** Of them: promised, not written yet. */
  #pendingBytes = 0;
  readonly #turn = new Limiter(1);
  #free = { bytes: 0, atMs: Number.NEGATIVE_INFINITY };

  constructor(options: DirtyRoomOptions) {
    this.#o = options;
    this.#share = options.maxBytes === undefined ? undefined : options.allowance?.join(() => this.#bytes);
  }

  /** What it took of a bound that others have a part in is theirs. */
  close(): void {
    this.#share?.leave();
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Of a blob that lies there. */
  add(bytes: number): void {
    this.#bytes += bytes;
  }

  remove(bytes: number): void {
    this.#bytes -= bytes;
    this.#free.bytes += bytes;
  }

  /** Waits as long as writers are to be slowed. Throws `no-space` where a body of `sizeBytes` does not fit. */
  async admit(sizeBytes: number | undefined, signal: AbortSignal | undefined): Promise<void> {
    const wantedBytes = sealedBytesOf(sizeBytes ?? 0);
    await this.#giveUpFor(wantedBytes);
    this.#checkBound(wantedBytes);
    await this.#whenFree(wantedBytes, () => undefined);
    let waitedMs = 0;
    for (
      let leftMs = this.#delayMs(wantedBytes);
      leftMs > 0;
      leftMs = this.#delayMs(wantedBytes) - waitedMs
    ) {
      const stepMs = Math.min(leftMs, DELAY_STEP_MS);
      await this.#o.clock.sleep(stepMs, signal);
      waitedMs += stepMs;
    }
    this.#checkBound(wantedBytes);
  }

  /** Room for a body of `sizeBytes`, as far as that is known. Throws `no-space`. */
  async reserve(sizeBytes: number | undefined): Promise<Reservation> {
    const reservation = new Reservation(this);
    const bytes = sealedBytesOf(sizeBytes ?? 0);
    this.#checkBound(bytes);
    await this.#whenFree(bytes, () => reservation.cover(bytes));
    return reservation;
  }

  /** Throws `no-space` where what is promised does not fit on the disk, also after others gave up theirs. */
  async ensureFree(): Promise<void> {
    await this.#whenFree(0, () => undefined);
  }

  /** Only for Reservation: more is promised. */
  promise(bytes: number): void {
    this.#checkBound(bytes);
    this.#bytes += bytes;
    this.#pendingBytes += bytes;
  }

  /** Only for Reservation: of what was promised so much is written. */
  written(bytes: number): void {
    this.#pendingBytes -= bytes;
    this.#free.bytes -= bytes;
  }

  /** Only for Reservation: of what was promised so much is neither written nor needed. */
  unpromise(bytes: number): void {
    this.#bytes -= bytes;
    this.#pendingBytes -= bytes;
  }

  get #maxBytes(): number | undefined {
    return this.#share?.limitBytes ?? this.#o.maxBytes;
  }

  /** What nobody waits for goes before writers are slowed. */
  async #giveUpFor(wantedBytes: number): Promise<void> {
    const { giveUp } = this.#o;
    const overBytes = this.#bytes + wantedBytes - SLOW_FROM * (this.#maxBytes ?? Number.POSITIVE_INFINITY);
    if (giveUp !== undefined && overBytes > 0) {
      await giveUp(overBytes);
    }
  }

  #checkBound(wantedBytes: number): void {
    const maxBytes = this.#maxBytes;
    if (maxBytes !== undefined && this.#bytes + wantedBytes > maxBytes) {
      throw new FsError('no-space', 'too much is waiting to be written to the grid', {
        hint: `--cache-max-dirty allows ${maxBytes} bytes, ${this.#bytes} are taken; they become free as the grid takes them`,
      });
    }
  }

  /** By how full it would be: grows with the square, so that the first ones hardly feel it. */
  #delayMs(wantedBytes: number): number {
    const maxBytes = this.#maxBytes;
    if (maxBytes === undefined) {
      return 0;
    }
    const over = ((this.#bytes + wantedBytes) / maxBytes - SLOW_FROM) / (1 - SLOW_FROM);
    return over <= 0 ? 0 : MAX_DELAY_MS * Math.min(1, over) ** 2;
  }

  /** Calls `then` in the moment that `moreBytes` are free beside what is promised. One at a time asks others for room. */
  async #whenFree(moreBytes: number, then: () => void): Promise<void> {
    if (this.#isFreeKnown() && this.#missingBytes(moreBytes) <= 0) {
      then();
      return;
    }
    using _turn = await this.#turn.take();
    for (let tries = 0; ; tries += 1) {
      await this.#askFree();
      const missingBytes = this.#missingBytes(moreBytes);
      if (missingBytes <= 0) {
        then();
        return;
      }
      if (tries === MAX_TRIES || !(await this.#o.makeRoom(missingBytes))) {
        throw new FsError('no-space', 'the disk of the cache directory has no room for more unsynced files');
      }
      this.#free.atMs = Number.NEGATIVE_INFINITY;
    }
  }

  #missingBytes(moreBytes: number): number {
    return this.#pendingBytes + moreBytes + this.#o.minFreeBytes - this.#free.bytes;
  }

  #isFreeKnown(): boolean {
    return this.#o.clock.monotonicMs() - this.#free.atMs < FREE_MAX_AGE_MS;
  }

  async #askFree(): Promise<void> {
    if (!this.#isFreeKnown()) {
      const bytes = await this.#o.freeBytes();
      this.#free = { bytes, atMs: this.#o.clock.monotonicMs() };
    }
  }
}

/** What one body may take; given back when it is disposed, unless it was kept. */
export class Reservation implements Disposable {
  readonly #room: DirtyRoom;
  #promisedBytes = 0;
  #writtenBytes = 0;
  #isKept = false;

  constructor(room: DirtyRoom) {
    this.#room = room;
  }

  /** From now on `bytes` are promised in all. Throws `no-space` where the bound does not allow them. */
  cover(bytes: number): void {
    if (bytes > this.#promisedBytes) {
      this.#room.promise(bytes - this.#promisedBytes);
      this.#promisedBytes = bytes;
    }
  }

  /** Of them `bytes` are written in all. Before that they count beside what the disk says, so that nobody else gets them. */
  wrote(bytes: number): void {
    this.#room.written(bytes - this.#writtenBytes);
    this.#writtenBytes = bytes;
  }

  /** All is written: what was promised beyond that is given back, the rest is the blob's. How much that is. */
  keep(): number {
    this.#room.unpromise(this.#promisedBytes - this.#writtenBytes);
    this.#isKept = true;
    return this.#writtenBytes;
  }

  [Symbol.dispose](): void {
    if (!this.#isKept) {
      this.#room.unpromise(this.#promisedBytes - this.#writtenBytes);
      this.#room.remove(this.#writtenBytes);
      this.#isKept = true;
    }
  }
}

/** What a content will take with its manifest, which is under a page unless the path is very long. */
export function sealedBytesOf(sizeBytes: number): number {
  return contentPagesBytes(sizeBytes) + PAGE_BYTES;
}
