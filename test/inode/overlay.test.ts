import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Overlay } from '../../src/inode/overlay.ts';

const B = 8;
const SIZES = [0, 1, B - 1, B, B + 1, 2 * B, 2 * B + 5, 4 * B];

type Step =
  | { readonly do: 'write'; readonly position: number; readonly length: number }
  | { readonly do: 'truncate'; readonly sizeBytes: number };

/** The overlay with local blocks in a map, as whoever uses it would hold them, beside a plain array. */
class Both {
  readonly #base: Buffer;
  readonly overlay: Overlay;
  readonly #local = new Map<number, Buffer>();
  plain: Buffer;
  #value = 100;
  /** Blocks of the base that were needed. */
  readonly asked: number[] = [];

  constructor(baseBytes: number) {
    this.#base = Buffer.from(Array.from({ length: baseBytes }, (_, at) => 1 + (at % 90)));
    this.overlay = new Overlay(baseBytes, B);
    this.plain = Buffer.from(this.#base);
  }

  apply(step: Step): void {
    if (step.do === 'truncate') {
      for (const index of this.overlay.truncate(step.sizeBytes)) {
        this.#local.delete(index);
      }
      this.plain = resized(this.plain, step.sizeBytes);
      return;
    }
    const { position, length } = step;
    this.#value = 100 + ((this.#value - 99) % 150);
    const bytes = Buffer.alloc(length, this.#value);
    for (const write of this.overlay.writesFor(position, length)) {
      // Whoever holds blocks starts with rubbish, not with zeros: nothing of it may show.
      const block = Buffer.alloc(B, 255);
      if (write.needsOld || this.overlay.sourceOf(write.index).from === 'local') {
        this.#old(write.index).copy(block);
      } else {
        block.fill(0, 0, write.start);
      }
      const from = write.index * B + write.start - position;
      bytes.copy(block, write.start, from, from + write.end - write.start);
      this.#local.set(write.index, block);
      this.overlay.wrote(write);
    }
    if (length > 0) {
      this.plain = resized(this.plain, Math.max(this.plain.length, position + length));
      bytes.copy(this.plain, position);
    }
  }

  whole(): Buffer {
    return Buffer.concat(
      Array.from({ length: this.overlay.blockCount }, (_, index) =>
        this.#old(index).subarray(0, this.overlay.lengthOf(index)),
      ),
    );
  }

  /** A whole block as it counts now, zeros behind what is usable. */
  #old(index: number): Buffer {
    const { from, usableBytes } = this.overlay.sourceOf(index);
    const block = Buffer.alloc(B);
    if (from === 'base') {
      this.asked.push(index);
      this.#base.copy(block, 0, index * B, index * B + usableBytes);
    } else if (from === 'local') {
      this.#local.get(index)?.copy(block, 0, 0, usableBytes);
    }
    return block;
  }
}

function resized(bytes: Buffer, sizeBytes: number): Buffer {
  const made = Buffer.alloc(sizeBytes);
  bytes.copy(made);
  return made;
}

describe('Overlay', () => {
  test('says the same as a plain array after any writes and cuts', () => {
    const edge = fc
      .tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: -1, max: 1 }))
      .map(([block, off]) => Math.max(0, block * B + off));
    const place = fc.oneof(edge, fc.integer({ min: 0, max: 5 * B }));
    const step: fc.Arbitrary<Step> = fc.oneof(
      fc.record({ do: fc.constant('write' as const), position: place, length: place }),
      fc.record({ do: fc.constant('truncate' as const), sizeBytes: place }),
    );
    fc.assert(
      fc.property(place, fc.array(step, { maxLength: 12 }), (baseBytes, steps) => {
        const both = new Both(baseBytes);
        for (const one of steps) {
          both.apply(one);
          assert.equal(both.overlay.sizeBytes, both.plain.length);
          assert.deepEqual(both.whole(), both.plain);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  for (const baseBytes of SIZES) {
    test(`holds every write around the edges of a base of ${baseBytes} bytes`, () => {
      for (const position of SIZES) {
        for (const length of SIZES) {
          const both = new Both(baseBytes);
          both.apply({ do: 'write', position, length });
          assert.deepEqual(both.whole(), both.plain, `${length} bytes at ${position}`);
        }
      }
    });

    test(`gives zeros, never old bytes, where a base of ${baseBytes} bytes was cut and made longer`, () => {
      for (const cut of SIZES) {
        const both = new Both(baseBytes);
        both.apply({ do: 'write', position: B - 2, length: 4 });
        both.apply({ do: 'truncate', sizeBytes: cut });
        both.apply({ do: 'truncate', sizeBytes: 5 * B });
        assert.deepEqual(both.whole(), both.plain, `cut to ${cut}`);
        assert.ok(
          both
            .whole()
            .subarray(cut)
            .equals(Buffer.alloc(5 * B - cut)),
        );
      }
    });
  }

  for (const [what, baseBytes, position, length, expected] of [
    ['a block written whole', 3 * B, B, B, []],
    ['all blocks written', 3 * B, 0, 3 * B, []],
    ['the short last block written whole', 2 * B + 3, 2 * B, 3, []],
    ['the short last block written over its end', 2 * B + 3, 2 * B, 5, []],
    ['a write behind the end', 2 * B, 3 * B + 1, 2, []],
    ['one byte', 3 * B, B + 1, 1, [1]],
    ['the first byte of a block', 3 * B, B, 1, [1]],
    ['the last byte of a block', 3 * B, 2 * B - 1, 1, [1]],
    ['an append to a short last block', 2 * B + 3, 2 * B + 3, 1, [2]],
    ['a write from the middle of one block to that of another', 4 * B, 4, 3 * B, [0, 3]],
  ] as const) {
    test(`needs of the base for ${what}: ${expected.length === 0 ? 'nothing' : `block ${expected.join(', ')}`}`, () => {
      const both = new Both(baseBytes);
      both.apply({ do: 'write', position, length });
      assert.deepEqual(both.asked, expected);
    });
  }

  test('is changed by a write and a cut, not by a write of nothing or a cut to its own length', () => {
    const overlay = new Overlay(B, B);
    assert.deepEqual(overlay.writesFor(3, 0), []);
    overlay.truncate(B);
    assert.equal(overlay.isChanged, false);
    overlay.truncate(B - 1);
    assert.equal(overlay.isChanged, true);
  });

  test('names the local blocks that a cut makes needless', () => {
    const overlay = new Overlay(0, B);
    for (const write of overlay.writesFor(0, 3 * B)) {
      overlay.wrote(write);
    }
    assert.deepEqual(overlay.truncate(B), [1, 2]);
    assert.deepEqual(overlay.localBlocks, [0]);
  });
});
