import assert from 'node:assert/strict';
import { readdir, stat, truncate, writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { Ballast } from '../../src/cache/ballast.ts';
import { logLines } from '../fakes/log-lines.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { diskSkip, temporaryDisk } from '../fakes/temporary-disk.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

const MIB = 1024 * 1024;
const skip = await diskSkip('tmpfs');

function ballastIn(folder: string): {
  ballast: Ballast;
  clock: ManualClock;
  lines: readonly { msg: string }[];
} {
  const clock = new ManualClock();
  const { log, lines } = logLines();
  return { ballast: new Ballast({ folder, log, clock }), clock, lines };
}

describe('Ballast', () => {
  test('takes 16 MiB of the disk, once', async () => {
    await using folder = await temporaryFolder();
    const { ballast } = ballastIn(folder.path);
    await Promise.all([ballast.ensure(), ballast.ensure()]);
    const { blocks, ino, mode } = await stat(folder.file('ballast'));
    assert.ok(blocks * 512 >= 16 * MIB);
    assert.equal(mode & 0o077, 0);
    assert.deepEqual(await readdir(folder.path), ['ballast']);
    const later = ballastIn(folder.path).ballast;
    await later.ensure();
    assert.equal((await stat(folder.file('ballast'))).ino, ino);
    await ballast.stop();
    await later.stop();
  });

  test('is whole again after a crash in the middle of its making', async () => {
    await using folder = await temporaryFolder();
    await writeFile(folder.file('ballast.tmp'), 'a beginning');
    await writeFile(folder.file('ballast'), '');
    await truncate(folder.file('ballast'), 3 * MIB);
    const { ballast } = ballastIn(folder.path);
    await ballast.ensure();
    assert.equal((await stat(folder.file('ballast'))).size, 16 * MIB);
    assert.deepEqual(await readdir(folder.path), ['ballast']);
    await ballast.stop();
  });

  test('frees its disk when it is given up, says so, and comes back', async () => {
    await using folder = await temporaryFolder();
    const { ballast, clock, lines } = ballastIn(folder.path);
    assert.equal(await ballast.release(), false);
    assert.deepEqual(lines, []);
    await ballast.ensure();
    assert.equal(await ballast.release(), true);
    assert.deepEqual(await readdir(folder.path), []);
    assert.equal(await ballast.release(), false);
    assert.equal(lines.length, 1);
    await clock.advance(10 * 60_000);
    await ballast.ensure(); // joins the one that the clock began
    assert.deepEqual(await readdir(folder.path), ['ballast']);
    await ballast.stop();
  });

  test('is not there and no error where the folder is gone', async () => {
    await using folder = await temporaryFolder();
    const { ballast, lines } = ballastIn(folder.file('absent'));
    await ballast.ensure();
    assert.equal(await ballast.release(), false);
    assert.equal(lines.length, 1);
    await ballast.stop();
  });

  test('takes nothing of a disk with less than 1 GiB free, until there is more', { skip }, async () => {
    await using disk = await temporaryDisk('tmpfs', 1000);
    const { ballast, clock } = ballastIn(disk.path);
    await ballast.ensure();
    assert.deepEqual(await readdir(disk.path), []);
    await disk.remount('size=1100m');
    await clock.advance(10 * 60_000);
    await ballast.ensure();
    assert.deepEqual(await readdir(disk.path), ['ballast']);
    await ballast.stop();
  });

  test('makes nothing any more once it was stopped', async () => {
    await using folder = await temporaryFolder();
    const { ballast, clock } = ballastIn(folder.path);
    await ballast.ensure();
    await ballast.release();
    await ballast.stop();
    await clock.advance(60 * 60_000);
    await ballast.ensure();
    assert.deepEqual(await readdir(folder.path), []);
  });
});
