// The changed blocks of one open file: the few that were written last in memory, where they can be written on without
// being sealed each time, the others in its scratch. A block is in one of the two.
import type { Scratch } from '../cache/scratch.ts';
import type { BlockWrite } from './overlay.ts';

/** In memory for each file: 1 MiB. Two writers who append side by side still have a block each. */
const MAX_OPEN_BLOCKS = 8;
const MIN_BUFFER_BYTES = 4096;

interface OpenBlock {
  /** Grows with the block. */
  buffer: Buffer;
  lengthBytes: number;
}

export class LocalBlocks {
  readonly #scratch: Scratch;
  readonly #blockBytes: number;
  /** In the order of the last write. */
  readonly #open = new Map<number, OpenBlock>();

  constructor(scratch: Scratch, blockBytes: number) {
    this.#scratch = scratch;
    this.#blockBytes = blockBytes;
  }

  isOpen(index: number): boolean {
    return this.#open.has(index);
  }

  /** A copy of the first `usableBytes` of the block as it is at this moment. */
  async read(index: number, usableBytes: number): Promise<Buffer> {
    const open = this.#open.get(index);
    return open === undefined
      ? (await this.#scratch.read(index)).subarray(0, usableBytes)
      : Buffer.from(open.buffer.subarray(0, usableBytes));
  }

  /** Whether so many blocks fit into memory at once. */
  mayOpen(blocks: number): boolean {
    return blocks <= MAX_OPEN_BLOCKS;
  }

  /** Moves others out of memory until `indexes` can be in it. Throws as Scratch.write; no block is lost then. */
  async makeRoom(indexes: readonly number[]): Promise<void> {
    const wanted = new Set(indexes);
    const others = [...this.#open].filter(([index]) => !wanted.has(index));
    const tooMany = others.slice(0, Math.max(0, others.length + wanted.size - MAX_OPEN_BLOCKS));
    for (const [index, { buffer, lengthBytes }] of tooMany) {
      const keep = await this.#scratch.write(new Map([[index, buffer.subarray(0, lengthBytes)]]));
      keep();
      this.#open.delete(index);
    }
  }

  /**
   * Writes `bytes` into a block in memory. Of what it held, `usableBytes` count; they are `old` where the block is not in
   * memory yet and the write needs them.
   */
  put({ index, start, end }: BlockWrite, bytes: Buffer, usableBytes: number, old: Buffer | undefined): void {
    const block = this.#open.get(index) ?? { buffer: Buffer.alloc(0), lengthBytes: 0 };
    const lengthBytes = Math.max(usableBytes, end);
    if (block.buffer.length < lengthBytes) {
      const buffer = Buffer.allocUnsafeSlow(this.#bufferBytes(lengthBytes));
      block.buffer.copy(buffer, 0, 0, block.lengthBytes);
      block.buffer = buffer;
    }
    old?.copy(block.buffer, 0, 0, usableBytes);
    if (start > usableBytes) {
      block.buffer.fill(0, usableBytes, start);
    }
    bytes.copy(block.buffer, start);
    block.lengthBytes = lengthBytes;
    this.#open.delete(index);
    this.#open.set(index, block);
    this.#scratch.drop(index);
  }

  /** Writes whole blocks past the memory, all or none. They are held when the returned function was called. */
  async writeWhole(blocks: ReadonlyMap<number, Buffer>): Promise<() => void> {
    const keep = await this.#scratch.write(blocks);
    return () => {
      keep();
      for (const index of blocks.keys()) {
        this.#open.delete(index);
      }
    };
  }

  drop(index: number): void {
    this.#open.delete(index);
    this.#scratch.drop(index);
  }

  async dispose(): Promise<void> {
    this.#open.clear();
    await this.#scratch.dispose();
  }

  #bufferBytes(lengthBytes: number): number {
    const roomy = Math.max(MIN_BUFFER_BYTES, 2 * lengthBytes);
    return Math.max(lengthBytes, Math.min(this.#blockBytes, roomy));
  }
}
