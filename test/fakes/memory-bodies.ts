// Bodies that the grid has not yet, in memory: what a BodyStore and LocalBytes promise, over a Map. Bytes that are held
// when they are removed go with the last hold.

import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { rangeOfBlock } from '../../src/base/blocks.ts';
import { FsError } from '../../src/base/errors.ts';
import type { LocalBytes } from '../../src/inode/local-files.ts';
import type { BodyManifest, BodyStore } from '../../src/inode/maker.ts';
import { type SendOptions, sendBody } from '../../src/inode/upload.ts';
import { randomBytes } from '../../src/seal/random.ts';

interface Body {
  readonly bytes: Buffer;
  readonly manifest: BodyManifest;
  holds: number;
  isRemoved: boolean;
}

export class MemoryBodies implements BodyStore, LocalBytes {
  readonly #random: (count: number) => Buffer;
  readonly #bodies = new Map<string, Body>();
  /** There is no room for more than so many bytes in all. */
  maxBytes: number = Number.POSITIVE_INFINITY;

  /** `random`: for ids, so that a test can make the same ones again. */
  constructor(random: (count: number) => Buffer = randomBytes) {
    this.#random = random;
  }

  /** Of all that are here. */
  ids(): readonly string[] {
    return [...this.#bodies.keys()];
  }

  /** The whole of one; undefined where it is gone. */
  bytes(id: string): Buffer | undefined {
    return this.#bodies.get(id)?.bytes;
  }

  manifest(id: string): BodyManifest | undefined {
    return this.#bodies.get(id)?.manifest;
  }

  async admit(sizeBytes: number | undefined): Promise<void> {
    this.#requireRoom(sizeBytes ?? 0);
  }

  async receive(
    body: Readable,
    options: SendOptions & {
      readonly manifest: () => BodyManifest;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<{ readonly id: string; readonly sizeBytes: number; readonly sha256: string }> {
    const id = this.#random(16).toString('hex');
    const { sizeBytes, sha256 } = await sendBody(body, options, async (whole) => {
      const bytes = Buffer.from('bytes' in whole ? whole.bytes : await buffer(whole.stream));
      this.#requireRoom(bytes.length);
      this.#bodies.set(id, { bytes, manifest: options.manifest(), holds: 0, isRemoved: false });
    });
    return { id, sizeBytes, sha256 };
  }

  has(id: string): boolean {
    return this.#bodies.has(id);
  }

  content(id: string, sizeBytes: number): { read(index: number): Promise<Buffer> } {
    return {
      read: async (index) => {
        const bytes = this.#bodies.get(id)?.bytes;
        if (bytes?.length !== sizeBytes) {
          throw new FsError('corrupt', 'the bytes are gone, or of another length');
        }
        const { start, end } = rangeOfBlock(index, sizeBytes);
        return Buffer.from(bytes.subarray(start, end));
      },
    };
  }

  hold(id: string): Disposable {
    const body = this.#bodies.get(id);
    if (body) {
      body.holds += 1;
    }
    return {
      [Symbol.dispose]: () => {
        if (body) {
          body.holds -= 1;
          this.#removeIfFree(id, body);
        }
      },
    };
  }

  async remove(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      this.#remove(id);
    }
  }

  /** As removed here: nothing asks for what is lost. */
  async setLost(ids: readonly string[]): Promise<void> {
    await this.remove(ids);
  }

  /** As the next process finds them: held by nobody. */
  afterRestart(): MemoryBodies {
    const found = new MemoryBodies(this.#random);
    for (const [id, { bytes, manifest }] of this.#bodies) {
      found.#bodies.set(id, { bytes, manifest, holds: 0, isRemoved: false });
    }
    return found;
  }

  #remove(id: string): void {
    const body = this.#bodies.get(id);
    if (body) {
      body.isRemoved = true;
      this.#removeIfFree(id, body);
    }
  }

  #removeIfFree(id: string, body: Body): void {
    if (body.isRemoved && body.holds === 0) {
      this.#bodies.delete(id);
    }
  }

  #requireRoom(moreBytes: number): void {
    const taken = [...this.#bodies.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (taken + moreBytes > this.maxBytes) {
      throw new FsError('no-space', 'there is no room for more changes that the grid has not yet');
    }
  }
}
