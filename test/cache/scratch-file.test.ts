import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createLogger } from '../../src/base/log.ts';
import type { Scratch } from '../../src/cache/scratch.ts';
import { ScratchFile } from '../../src/cache/scratch-file.ts';
import { ScratchSpace } from '../../src/cache/scratch-space.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

const B = 1024;
const log = createLogger('silent', 'json', () => undefined);

function filled(value: number, length = B): Buffer {
  return Buffer.alloc(length, value);
}

async function hold(scratch: Scratch, blocks: ReadonlyMap<number, Buffer>): Promise<void> {
  const keep = await scratch.write(blocks);
  keep();
}

async function onlyFile(folder: string): Promise<string> {
  const [name, ...others] = await readdir(folder);
  assert.ok(name);
  assert.deepEqual(others, []);
  return join(folder, name);
}

for (const [what, make] of [
  ['on disk', (folder: string) => ScratchSpace.open(folder, log)],
  ['in memory', async () => new ScratchSpace(undefined)],
] as const) {
  describe(`a Scratch ${what}`, () => {
    test('gives back what was written last, whatever else was written and dropped', async () => {
      const step = fc.record({
        index: fc.integer({ min: 0, max: 5 }),
        length: fc.constantFrom(1, B - 1, B),
        value: fc.integer({ min: 1, max: 255 }),
        isDrop: fc.boolean(),
      });
      await using folder = await temporaryFolder();
      const space = await make(folder.path);
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
          const scratch = space.make();
          const plain = new Map<number, Buffer>();
          for (const { index, length, value, isDrop } of steps) {
            if (isDrop) {
              scratch.drop(index);
              plain.delete(index);
            } else {
              const block = filled(value, length);
              await hold(scratch, new Map([[index, block]]));
              plain.set(index, block);
            }
            for (const [at, expected] of plain) {
              assert.deepEqual(await scratch.read(at), expected);
            }
          }
          await scratch.dispose();
        }),
        { numRuns: 50 },
      );
    });

    test('says so when a block was never written or was dropped', async () => {
      await using folder = await temporaryFolder();
      const scratch = (await make(folder.path)).make();
      await hold(scratch, new Map([[1, filled(1)]]));
      scratch.drop(1);
      await assert.rejects(scratch.read(1), { code: 'corrupt' });
      await assert.rejects(scratch.read(0), { code: 'corrupt' });
      await scratch.dispose();
    });

    test('gives a read the block of the moment it was asked for, though it is written and dropped meanwhile', async () => {
      await using folder = await temporaryFolder();
      const scratch = (await make(folder.path)).make();
      await hold(scratch, new Map([[0, filled(1)]]));
      for (let round = 2; round < 20; round += 1) {
        const reading = scratch.read(0);
        await hold(scratch, new Map([[0, filled(round)]]));
        await hold(scratch, new Map([[1, filled(200)]]));
        scratch.drop(1);
        assert.deepEqual(await reading, filled(round - 1));
      }
      const last = scratch.read(0);
      await scratch.dispose();
      assert.deepEqual(await last, filled(19));
    });
  });
}

describe('ScratchSpace', () => {
  test('without a disk holds so much in all scratches together, and no more', async () => {
    const space = new ScratchSpace(undefined, 4 * B);
    const [one, other] = [space.make(), space.make()];
    await hold(one, new Map([[0, filled(1)]]));
    await hold(other, new Map([[0, filled(2)]]));
    const many = new Map([
      [0, filled(3)],
      [1, filled(3)],
      [2, filled(3)],
    ]);
    await assert.rejects(one.write(many), { code: 'no-space' });
    assert.deepEqual(await one.read(0), filled(1));
    await assert.rejects(one.read(1), { code: 'corrupt' });
    await other.dispose();
    await hold(one, many);
    assert.deepEqual(await one.read(2), filled(3));
  });

  test('removes at its start what an earlier process left, and nothing beside it', async () => {
    await using folder = await temporaryFolder();
    await mkdir(folder.file('scratch'));
    await writeFile(join(folder.file('scratch'), 'left'), 'left behind');
    await writeFile(folder.file('other'), 'stays');
    await ScratchSpace.open(folder.path, log);
    assert.deepEqual(await readdir(folder.file('scratch')), []);
    assert.equal(await readFile(folder.file('other'), 'utf8'), 'stays');
  });

  test('makes no file before there is something to hold, and leaves none', async () => {
    await using folder = await temporaryFolder();
    const space = await ScratchSpace.open(folder.path, log);
    const scratch = space.make();
    assert.deepEqual(await readdir(folder.file('scratch')), []);
    await hold(scratch, new Map([[0, filled(1)]]));
    const { mode } = await stat(await onlyFile(folder.file('scratch')));
    assert.equal(mode & 0o777, 0o600);
    await scratch.dispose();
    assert.deepEqual(await readdir(folder.file('scratch')), []);
  });

  test('starts where its folder can not be made; who writes is told', async () => {
    await using folder = await temporaryFolder();
    await writeFile(folder.file('scratch'), 'a file stands here');
    const scratch = (await ScratchSpace.open(folder.path, log)).make();
    await assert.rejects(scratch.write(new Map([[0, filled(1)]])), { code: 'unavailable' });
  });
});

describe('ScratchFile', () => {
  test('has no plaintext on disk', async () => {
    await using folder = await temporaryFolder();
    const scratch = new ScratchFile(folder.file('s'), B);
    const marked = Buffer.from('MARKED-PLAINTEXT '.repeat(61)).subarray(0, B);
    await hold(scratch, new Map([0, 1, 2].map((index) => [index, marked])));
    const bytes = await readFile(folder.file('s'));
    assert.equal(bytes.length, 3 * B);
    assert.equal(bytes.includes('MARKED'), false);
    assert.equal(bytes.includes('PLAIN'), false);
    assert.deepEqual(await scratch.read(1), marked);
    await scratch.dispose();
  });

  test('writes again beside what stood there, and uses again what nobody needs', async () => {
    await using folder = await temporaryFolder();
    const scratch = new ScratchFile(folder.file('s'), B);
    const slots: Buffer[] = [];
    for (let round = 0; round < 10; round += 1) {
      await hold(scratch, new Map([[0, filled(round)]]));
      slots.push(await readFile(folder.file('s')));
    }
    assert.ok(slots[1]?.subarray(0, B).equals(slots[0] ?? Buffer.alloc(0)));
    assert.equal(slots.at(-1)?.length, 2 * B);
    await scratch.dispose();
  });

  test('uses no slot again while it is read', async () => {
    await using folder = await temporaryFolder();
    const scratch = new ScratchFile(folder.file('s'), B);
    await hold(scratch, new Map([[0, filled(1)]]));
    const keep = await scratch.write(new Map([[0, filled(2)]]));
    const reading = scratch.read(0);
    keep();
    await hold(scratch, new Map([[1, filled(3)]]));
    assert.deepEqual(await reading, filled(1));
    assert.equal((await stat(folder.file('s'))).size, 3 * B);
    // Now it is free.
    await hold(scratch, new Map([[2, filled(4)]]));
    assert.equal((await stat(folder.file('s'))).size, 3 * B);
    assert.deepEqual(
      await Promise.all([0, 1, 2].map((index) => scratch.read(index))),
      [2, 3, 4].map((value) => filled(value)),
    );
    await scratch.dispose();
  });

  const damages: ReadonlyArray<[string, (before: Buffer, now: Buffer, path: string) => Promise<void>]> = [
    ['an older block of the same place', (before, _now, path) => writeFile(path, before)],
    [
      'a flipped bit',
      (_before, now, path) => {
        now[5] = (now[5] ?? 0) ^ 1;
        return writeFile(path, now);
      },
    ],
    [
      'another block',
      (_before, now, path) => writeFile(path, Buffer.concat([now.subarray(B, 2 * B), now.subarray(B)])),
    ],
    ['a file cut short', (_before, _now, path) => truncate(path, 2 * B - 1)],
    ['an emptied file', (_before, _now, path) => truncate(path, 0)],
  ];
  for (const [what, damage] of damages) {
    test(`notices ${what}`, async () => {
      await using folder = await temporaryFolder();
      const scratch = new ScratchFile(folder.file('s'), B);
      // Slots: 0 = block 0 at first, 1 = block 1, 2 = block 0 now, then freed slot 0 again for block 0.
      await hold(scratch, new Map([[0, filled(1)]]));
      await hold(scratch, new Map([[1, filled(2)]]));
      await hold(scratch, new Map([[0, filled(3)]]));
      const before = await readFile(folder.file('s'));
      await hold(scratch, new Map([[0, filled(4)]]));
      const now = await readFile(folder.file('s'));
      assert.notDeepEqual(before.subarray(0, B), now.subarray(0, B));
      await damage(before, now, folder.file('s'));
      const reads = await Promise.allSettled([scratch.read(0), scratch.read(1)]);
      const bad = reads.filter((result) => result.status === 'rejected');
      assert.ok(bad.length > 0);
      for (const { reason } of bad) {
        assert.equal((reason as { code: string }).code, 'corrupt');
      }
      for (const [index, result] of reads.entries()) {
        assert.ok(result.status === 'rejected' || result.value.equals(filled(index === 0 ? 4 : 2)));
      }
      await scratch.dispose();
    });
  }

  test('on a full disk says so, and holds what it held', async (context) => {
    await using folder = await temporaryFolder();
    await mkdir(folder.file('disk'));
    const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
    const mounted =
      isRoot && spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder.file('disk')]);
    if (mounted === false || mounted.status !== 0) {
      assert.notEqual(process.env['REQUIRE_REAL'], '1', 'a small disk can not be mounted here');
      context.skip('mounting a small disk needs root on Linux');
      return;
    }
    try {
      const scratch = new ScratchFile(join(folder.file('disk'), 's'), 4096);
      await hold(scratch, new Map([0, 1].map((index) => [index, filled(1, 4096)])));
      const tooMany = Array.from({ length: 20 }, (_, index) => [index, filled(2, 4096)] as const);
      await assert.rejects(scratch.write(new Map(tooMany)), { code: 'no-space' });
      assert.deepEqual(await scratch.read(0), filled(1, 4096));
      assert.deepEqual(await scratch.read(1), filled(1, 4096));
      await assert.rejects(scratch.read(2), { code: 'corrupt' });
      // The room that the failed write took is used again.
      await hold(scratch, new Map(tooMany.slice(0, 12)));
      assert.deepEqual(await scratch.read(11), filled(2, 4096));
      await scratch.dispose();
    } finally {
      spawnSync('umount', [folder.file('disk')]);
    }
  });
});
