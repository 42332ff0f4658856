import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { yieldToLoop } from '../../src/base/clock.ts';
import { FsError } from '../../src/base/errors.ts';
import type { Scratch } from '../../src/cache/scratch.ts';
import { ScratchFile } from '../../src/cache/scratch-file.ts';
import { ScratchSpace } from '../../src/cache/scratch-space.ts';
import { InodeHandle } from '../../src/inode/handle.ts';
import { type BaseContent, type NewContent, OpenInode } from '../../src/inode/open-inode.ts';
import { SharedInode } from '../../src/inode/shared-inode.ts';
import type { HandleOptions } from '../../src/inode/tree.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

const B = 8;
const EDGES = [0, 1, B - 1, B, B + 1, 2 * B + 5, 10 * B, 12 * B + 3];

function letters(length: number, first = 'a'): Buffer {
  return Buffer.from(Array.from({ length }, (_, at) => first.charCodeAt(0) + (at % 26)));
}

function resized(bytes: Buffer, sizeBytes: number): Buffer {
  const made = Buffer.alloc(sizeBytes);
  bytes.copy(made);
  return made;
}

function roomy(): Scratch {
  return new ScratchSpace(undefined).make();
}

/** A file on some grid, and what happens when it is opened. */
class File {
  stored: Buffer | undefined;
  readonly asked: number[] = [];
  commits = 0;
  /** The next calls of these fail. */
  readonly failing = { read: 0, commit: 0 };
  readonly shared: SharedInode;
  isUnused = false;
  changed: ReadonlyArray<readonly [number, Buffer]> = [];

  constructor(stored: Buffer | undefined, scratch: Scratch = roomy()) {
    this.stored = stored;
    const inode = new OpenInode({
      base: stored && this.#base(stored),
      scratch,
      commit: (content) => this.#commit(content),
      blockBytes: B,
    });
    this.shared = new SharedInode(inode, () => {
      this.isUnused = true;
    });
  }

  open(access: HandleOptions['access'] = 'read-write', more: Partial<HandleOptions> = {}): InodeHandle {
    this.shared.join(access !== 'read');
    return new InodeHandle(this.shared, { access, ...more });
  }

  async whole(): Promise<Buffer> {
    return await this.shared.inode.read(0, 1_000_000);
  }

  #base(bytes: Buffer): BaseContent {
    const fail = (): void => {
      if (this.failing.read > 0) {
        this.failing.read -= 1;
        throw new FsError('unavailable', 'the grid is away');
      }
    };
    return {
      sizeBytes: bytes.length,
      readBlock: async (index) => {
        this.asked.push(index);
        await Promise.resolve();
        fail();
        return bytes.subarray(index * B, (index + 1) * B);
      },
      read: async ({ start, end }) => {
        fail();
        return Readable.from([bytes.subarray(start, end)], { objectMode: false });
      },
    };
  }

  async #commit(content: NewContent): Promise<BaseContent> {
    const bytes = await buffer(content.stream());
    assert.equal(bytes.length, content.sizeBytes);
    if (this.failing.commit > 0) {
      this.failing.commit -= 1;
      throw new FsError('conflict', 'somebody was faster');
    }
    const changed: Array<readonly [number, Buffer]> = [];
    for await (const block of content.changedBlocks()) {
      changed.push(block);
    }
    this.changed = changed;
    this.commits += 1;
    this.stored = bytes;
    return this.#base(bytes);
  }
}

type Step =
  | { readonly do: 'write'; readonly by: number; readonly position: number; readonly length: number }
  | { readonly do: 'append'; readonly by: number; readonly length: number }
  | { readonly do: 'truncate'; readonly by: number; readonly sizeBytes: number }
  | { readonly do: 'read'; readonly by: number; readonly position: number; readonly length: number }
  | { readonly do: 'flush' | 'reopen'; readonly by: number }
  | { readonly do: 'fail'; readonly what: 'read' | 'commit' };

const place = fc.oneof(
  fc.integer({ min: 0, max: 16 * B }),
  fc
    .tuple(fc.integer({ min: 0, max: 15 }), fc.integer({ min: -1, max: 1 }))
    .map(([block, off]) => Math.max(0, block * B + off)),
);
const by = fc.integer({ min: 0, max: 2 });
const length = fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 0, max: 2 * B }) }, place);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('write' as const), by, position: place, length }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('append' as const), by, length }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('truncate' as const), by, sizeBytes: place }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('read' as const), by, position: place, length }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('flush' as const, 'reopen' as const), by }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('fail' as const),
      what: fc.constantFrom('read' as const, 'commit' as const),
    }),
  },
);

/** Plays steps by three handles, the plain bytes beside them; a step that fails must have changed nothing. */
async function play(file: File, steps: readonly Step[]): Promise<void> {
  let plain: Buffer = Buffer.from(file.stored ?? []);
  const handles = [0, 1, 2].map(() => file.open());
  let value = 0;
  const next = (count: number): Buffer => {
    value = (value % 250) + 1;
    return Buffer.alloc(count, value);
  };
  /** True when it was done; only what was told to fail may. */
  const done = async (work: Promise<unknown>): Promise<boolean> => {
    const before = { ...file.failing };
    try {
      await work;
      return true;
    } catch (error) {
      assert.ok(error instanceof FsError, error as Error);
      assert.notDeepEqual(file.failing, before);
      return false;
    }
  };
  for (const one of steps) {
    const handle = 'by' in one ? handles[one.by] : undefined;
    if (one.do === 'fail') {
      file.failing[one.what] = 1;
    } else if (handle !== undefined) {
      switch (one.do) {
        case 'write': {
          const bytes = next(one.length);
          if ((await done(handle.write(one.position, bytes))) && bytes.length > 0) {
            plain = resized(plain, Math.max(plain.length, one.position + bytes.length));
            bytes.copy(plain, one.position);
          }
          break;
        }
        case 'append': {
          const bytes = next(one.length);
          if (await done(handle.append(bytes))) {
            plain = Buffer.concat([plain, bytes]);
          }
          break;
        }
        case 'truncate':
          await handle.truncate(one.sizeBytes);
          plain = resized(plain, one.sizeBytes);
          break;
        case 'read': {
          let read: Buffer | undefined;
          const reading = handle.read(one.position, one.length).then((bytes) => {
            read = bytes;
          });
          if (await done(reading)) {
            assert.deepEqual(read, plain.subarray(one.position, one.position + one.length));
          }
          break;
        }
        case 'flush':
          if (await done(handle.flush())) {
            assert.deepEqual(file.stored, plain);
          }
          break;
        case 'reopen':
          await handle.close();
          handles[one.by] = file.open();
          break;
      }
      assert.equal(file.shared.inode.sizeBytes, plain.length);
    }
  }
  file.failing.read = 0;
  file.failing.commit = 0;
  assert.deepEqual(await file.whole(), plain);
  for (const handle of handles) {
    await handle.close();
  }
  assert.deepEqual(file.stored, plain);
  assert.equal(file.isUnused, true);
}

describe('InodeHandle', () => {
  test('says the same as a plain model, by three handles, with a grid that fails at times', async () => {
    const sizes = fc.option(place, { nil: undefined });
    await fc.assert(
      fc.asyncProperty(sizes, fc.array(step, { maxLength: 30 }), async (baseBytes, steps) => {
        await play(new File(baseBytes === undefined ? undefined : letters(baseBytes)), steps);
      }),
      { numRuns: 200 },
    );
  });

  test('says the same with its changed blocks on disk, and leaves no file', async () => {
    await using folder = await temporaryFolder();
    let files = 0;
    await fc.assert(
      fc.asyncProperty(place, fc.array(step, { minLength: 10, maxLength: 30 }), async (baseBytes, steps) => {
        files += 1;
        await play(new File(letters(baseBytes), new ScratchFile(folder.file(`${files}`), B)), steps);
        assert.deepEqual(await readdir(folder.path), []);
      }),
      { numRuns: 60 },
    );
  });

  for (const baseBytes of EDGES) {
    test(`writes, cuts and appends at every edge of a file of ${baseBytes} bytes`, async () => {
      for (const position of EDGES) {
        for (const count of EDGES) {
          const file = new File(letters(baseBytes));
          const handle = file.open();
          await handle.write(position, letters(count, 'A'));
          await handle.append(Buffer.from('end'));
          await handle.truncate(position);
          await handle.truncate(position + B);
          let plain = resized(letters(baseBytes), Math.max(baseBytes, count === 0 ? 0 : position + count));
          letters(count, 'A').copy(plain, position);
          plain = resized(resized(Buffer.concat([plain, Buffer.from('end')]), position), position + B);
          await handle.close();
          assert.deepEqual(file.stored, plain, `${count} bytes at ${position}`);
        }
      }
    });
  }

  test('asks the base for what is needed only, and only when it is', async () => {
    const file = new File(letters(6 * B));
    const handle = file.open();
    await handle.write(B, letters(B, 'A'));
    await handle.truncate(5 * B + 3);
    await handle.append(letters(B - 3, 'A'));
    assert.deepEqual(file.asked, [5]);
    await handle.write(3 * B + 1, Buffer.from('x'));
    await handle.read(3 * B, B);
    assert.deepEqual(file.asked, [5, 3]);
    await handle.close();
    assert.deepEqual(
      file.changed.map(([index]) => index),
      [1, 3, 5],
    );
    for (const [index, block] of file.changed) {
      assert.deepEqual(block, file.stored?.subarray(index * B, (index + 1) * B));
    }
  });

  test('seals no block for each of many small writes one behind the other', async () => {
    let sealed = 0;
    const inner = roomy();
    const counted: Scratch = {
      write: (blocks) => {
        sealed += blocks.size;
        return inner.write(blocks);
      },
      read: (index) => inner.read(index),
      drop: (index) => inner.drop(index),
      dispose: () => inner.dispose(),
    };
    const file = new File(undefined, counted);
    const handle = file.open();
    for (let at = 0; at < 20 * B; at += 1) {
      await handle.append(Buffer.from('x'));
    }
    assert.ok(sealed > 0 && sealed < 20, `${sealed} blocks were sealed`);
    await handle.close();
    assert.deepEqual(file.stored, Buffer.alloc(20 * B, 'x'));
  });

  for (const [what, write] of [
    ['a small write', (handle: InodeHandle) => handle.write(3, Buffer.from('xyz'))],
    ['a large one', (handle: InodeHandle) => handle.write(3, Buffer.alloc(12 * B, 'x'))],
    ['an append', (handle: InodeHandle) => handle.append(Buffer.from('xyz'))],
  ] as const) {
    test(`changes nothing when what ${what} needs can not be read, and does it at the next try`, async () => {
      const file = new File(letters(3 * B + 2));
      const handle = file.open();
      file.failing.read = 1;
      await assert.rejects(write(handle), { code: 'unavailable' });
      assert.deepEqual(await file.whole(), letters(3 * B + 2));
      await handle.flush();
      assert.equal(file.commits, 0);
      await write(handle);
      assert.equal((await file.whole()).includes('x'), true);
      await handle.close();
    });
  }

  test('changes nothing when there is no room, and goes on when there is', async () => {
    const file = new File(letters(2 * B), new ScratchSpace(undefined, 2 * B).make());
    const handle = file.open();
    await handle.write(0, letters(8 * B, 'A'));
    await assert.rejects(handle.write(8 * B, letters(9 * B, 'A')), { code: 'no-space' });
    await handle.write(8 * B, letters(2 * B, 'A'));
    const before = await file.whole();
    assert.equal(before.length, 10 * B);
    await assert.rejects(handle.append(Buffer.from('x')), { code: 'no-space' });
    assert.deepEqual(await file.whole(), before);
    await handle.truncate(9 * B);
    await handle.write(0, Buffer.from('x'));
    await handle.close();
    assert.deepEqual(file.stored, Buffer.concat([Buffer.from('x'), before.subarray(1, 9 * B)]));
  });

  test('stays dirty when a commit fails, and may be flushed and closed again', async () => {
    const file = new File(letters(2 * B));
    const handle = file.open();
    await handle.write(1, Buffer.from('X'));
    file.failing.commit = 2;
    await assert.rejects(handle.flush(), { code: 'conflict' });
    await assert.rejects(handle.close(), { code: 'conflict' });
    assert.deepEqual(file.stored, letters(2 * B));
    assert.equal((await handle.read(1, 1)).toString(), 'X');
    await handle.write(2, Buffer.from('Y'));
    await handle.close();
    assert.equal(file.stored?.subarray(0, 4).toString(), 'aXYd');
    assert.equal(file.commits, 1);
  });

  test('is the base of the next version after a commit', async () => {
    const file = new File(letters(2 * B));
    const handle = file.open();
    await handle.write(1, Buffer.from('X'));
    await handle.flush();
    await handle.flush();
    assert.equal(file.commits, 1);
    await handle.write(2, Buffer.from('Y'));
    await handle.close();
    assert.equal(file.stored?.subarray(0, 4).toString(), 'aXYd');
    assert.equal(file.commits, 2);
  });

  test('shows at once to one handle what another wrote, and commits with the last that may write', async () => {
    const file = new File(letters(B));
    const [one, other, reader] = [file.open(), file.open('write'), file.open('read')];
    await one.write(0, Buffer.from('1'));
    await other.write(1, Buffer.from('2'));
    assert.equal((await reader.read(0, 3)).toString(), '12c');
    await one.close();
    assert.equal(file.commits, 0);
    await other.close();
    assert.equal(file.stored?.toString(), '12cdefgh');
    assert.equal((await reader.read(0, 3)).toString(), '12c');
    assert.equal(file.isUnused, false);
    await reader.close();
    assert.equal(file.isUnused, true);
  });

  test('commits what is written by who came while the last one closed', async () => {
    const file = new File(letters(B));
    const one = file.open();
    await one.write(0, Buffer.from('1'));
    const closing = one.close();
    const other = file.open();
    const writing = other.write(1, Buffer.from('2'));
    await Promise.all([closing, writing, other.close()]);
    assert.equal(file.stored?.toString(), '12cdefgh');
  });

  test('makes an empty file when a new one is closed', async () => {
    const file = new File(undefined);
    await file.open().close();
    assert.deepEqual(file.stored, Buffer.alloc(0));
  });

  test('loses what was not committed when it is discarded, unless another one may write', async () => {
    const file = new File(letters(B));
    const [one, other, reader] = [file.open(), file.open(), file.open('read')];
    await one.write(0, Buffer.from('1'));
    await one.discard();
    assert.equal((await reader.read(0, 2)).toString(), '1b');
    await other.discard();
    assert.equal((await reader.read(0, 2)).toString(), 'ab');
    assert.equal(file.isUnused, true);
    await reader.close();
    assert.equal(file.commits, 0);
  });

  test('writes in the order of the calls', async () => {
    const file = new File(letters(2 * B));
    const [one, other] = [file.open(), file.open('write', { append: true })];
    await Promise.all([
      one.write(3, Buffer.from('1')), // waits for the base
      other.write(3, Buffer.from('A')),
      one.append(Buffer.from('2')),
      one.truncate(2 * B + 1),
      other.append(Buffer.from('B')),
    ]);
    assert.equal((await file.whole()).toString(), 'abc1efghijklmnopAB');
    await Promise.all([one.close(), other.close()]);
  });

  test('shows a large write within each block wholly or not at all', async () => {
    await using folder = await temporaryFolder();
    const file = new File(Buffer.alloc(12 * B, 'a'), new ScratchFile(folder.file('s'), B));
    const handle = file.open();
    for (const letter of ['b', 'c', 'd', 'e']) {
      let isDone = false;
      const writing = handle.write(0, Buffer.alloc(12 * B + 4, letter)).finally(() => {
        isDone = true;
      });
      while (!isDone) {
        await yieldToLoop();
        const seen = await file.whole();
        for (let at = 0; at < 12 * B; at += B) {
          assert.equal(new Set(seen.subarray(at, at + B)).size, 1);
        }
      }
      await writing;
    }
    await handle.close();
  });

  test('shows a large write at once when its blocks are held, old bytes of a short block and all', async () => {
    const inner = roomy();
    const seen: Array<Promise<Buffer>> = [];
    const looking: Scratch = {
      write: async (blocks) => {
        const keep = await inner.write(blocks);
        return () => {
          keep();
          // The first moment at which anybody else can run.
          queueMicrotask(() => seen.push(file.whole()));
        };
      },
      read: (index) => inner.read(index),
      drop: (index) => inner.drop(index),
      dispose: () => inner.dispose(),
    };
    const file = new File(undefined, looking);
    const handle = file.open();
    await handle.write(0, Buffer.from('abc'));
    await handle.truncate(12 * B);
    await handle.write(0, Buffer.alloc(12 * B, 'x'));
    assert.equal(seen.length, 1);
    assert.deepEqual(await seen[0], Buffer.alloc(12 * B, 'x'));
    await handle.close();
  });

  const closed = {
    read: (handle: InodeHandle) => handle.read(0, 1),
    write: (handle: InodeHandle) => handle.write(0, Buffer.from('x')),
    append: (handle: InodeHandle) => handle.append(Buffer.from('x')),
    truncate: (handle: InodeHandle) => handle.truncate(0),
    flush: (handle: InodeHandle) => handle.flush(),
    close: (handle: InodeHandle) => handle.close(),
    discard: (handle: InodeHandle) => handle.discard(),
    sizeBytes: async (handle: InodeHandle) => handle.sizeBytes,
  };
  for (const [name, call] of Object.entries(closed)) {
    test(`is a bad handle for ${name} after close, after discard and while it closes`, async () => {
      const file = new File(letters(B));
      const [kept, one, other, third] = [file.open(), file.open(), file.open(), file.open()];
      await one.close();
      await assert.rejects(call(one), { code: 'bad-handle' });
      await other.discard();
      await assert.rejects(call(other), { code: 'bad-handle' });
      const closing = third.close();
      await assert.rejects(call(third), { code: 'bad-handle' });
      await closing;
      assert.deepEqual(await kept.read(0, B), letters(B));
      await kept.close();
      assert.equal(file.commits, 0);
    });
  }

  test('is a bad handle for what it was not opened for', async () => {
    const file = new File(letters(B));
    const [reader, writer] = [file.open('read'), file.open('write')];
    await assert.rejects(reader.write(0, Buffer.from('x')), { code: 'bad-handle' });
    await assert.rejects(reader.append(Buffer.from('x')), { code: 'bad-handle' });
    await assert.rejects(reader.truncate(0), { code: 'bad-handle' });
    await assert.rejects(writer.read(0, 1), { code: 'bad-handle' });
    assert.deepEqual(await reader.read(0, B), letters(B));
    await reader.flush();
    assert.equal(file.commits, 0);
  });

  for (const [what, call] of [
    ['a negative position', (handle: InodeHandle) => handle.write(-1, Buffer.from('x'))],
    ['half a byte', (handle: InodeHandle) => handle.truncate(1.5)],
    ['a negative length', (handle: InodeHandle) => handle.read(0, -1)],
    ['no number', (handle: InodeHandle) => handle.read(Number.NaN, 1)],
  ] as const) {
    test(`refuses ${what}`, async () => {
      await assert.rejects(call(new File(letters(B)).open()), { code: 'bad-request' });
    });
  }

  test('refuses to write where no position can be told any more', async () => {
    const handle = new File(letters(B)).open();
    await assert.rejects(handle.write(Number.MAX_SAFE_INTEGER, Buffer.from('x')), { code: 'too-large' });
    await handle.truncate(Number.MAX_SAFE_INTEGER);
    await assert.rejects(handle.append(Buffer.from('x')), { code: 'too-large' });
    await handle.discard();
  });

  test('waits at close for reads and writes that run', async () => {
    const file = new File(letters(3 * B));
    const handle = file.open();
    const work = [handle.read(0, 3 * B), handle.write(B + 1, Buffer.from('X'))] as const;
    await handle.close();
    await Promise.all(work);
    assert.equal(file.stored?.[B + 1], 'X'.charCodeAt(0));
  });
});
