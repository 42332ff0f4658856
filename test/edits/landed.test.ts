import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { isSameThing, Landed, type LandedCaps } from '../../src/edits/landed.ts';
import type { BaseChild } from '../../src/edits/pending.ts';
import { SealedRecords } from '../../src/edits/sealed-records.ts';
import {
  identityOf,
  litCapOf,
  localDirText,
  localFileText,
  mutableText,
  parseCap,
  parseOwnCap,
  readOnlyText,
} from '../../src/tahoe/caps.ts';
import { MapMetaStore } from '../fakes/map-meta-store.ts';
import { plainCodec } from '../fakes/plain-codec.ts';

const FILE = localFileText('file-1', 3);
const DIR = localDirText('dir-1');
const GRID_FILE: LandedCaps = { writeCap: undefined, readCap: litCapOf(Buffer.from('abc')), atMs: 1 };
const GRID_DIR: LandedCaps = dirCaps(1);

function dirCaps(seed: number): LandedCaps {
  const [key, fingerprint] = [Buffer.alloc(16, seed), Buffer.alloc(32, seed)];
  const writeCap = mutableText({ isDirectory: true, format: 'SDMF', isWritable: true, key, fingerprint });
  return { writeCap, readCap: readOnlyText(parseCap(writeCap)), atMs: 2 };
}

function child(kind: 'file' | 'directory', caps: Pick<BaseChild, 'writeCap' | 'readCap'>): BaseChild {
  return { kind, writeCap: caps.writeCap, readCap: caps.readCap };
}

const localFile = child('file', { writeCap: undefined, readCap: FILE });
const localDir = child('directory', { writeCap: DIR, readCap: DIR });

describe('Landed', () => {
  let store: MapMetaStore;
  let landed: Landed;

  async function open(): Promise<Landed> {
    return await Landed.open(new SealedRecords(store, plainCodec));
  }

  async function land(text: string, caps: LandedCaps): Promise<void> {
    await store.commit([landed.record(text, caps)]);
    landed.note(text, caps);
  }

  beforeEach(async () => {
    store = new MapMetaStore();
    landed = await open();
  });

  for (const when of ['at once', 'after a restart']) {
    test(`tells what a local cap stands for, ${when}`, async () => {
      await land(FILE, GRID_FILE);
      await land(DIR, GRID_DIR);
      landed = when === 'at once' ? landed : await open();
      assert.deepEqual(JSON.parse(JSON.stringify(landed.capsOf(FILE))), {
        readCap: GRID_FILE.readCap,
        atMs: 1,
      });
      assert.equal(landed.capsOf(DIR)?.writeCap, GRID_DIR.writeCap);
      assert.equal(landed.capsOf(localFileText('other', 3)), undefined);
      assert.equal([...landed.all()].length, 2);
    });

    test(`keeps the id of a directory that was made here, by whatever cap, ${when}`, async () => {
      await land(DIR, GRID_DIR);
      landed = when === 'at once' ? landed : await open();
      const local = identityOf(parseOwnCap(DIR));
      for (const cap of [GRID_DIR.writeCap ?? '', GRID_DIR.readCap]) {
        assert.equal(landed.dirIdOf(identityOf(parseCap(cap))), local);
      }
      const other = identityOf(parseCap(dirCaps(2).readCap));
      assert.equal(landed.dirIdOf(other), other);
      assert.equal(landed.dirIdOf(local), local);
    });
  }

  test('knows a thing by the name that it had before, and by the one that it has', async () => {
    const gridDir = child('directory', GRID_DIR);
    assert.equal(isSameThing(landed, localDir, gridDir), false);
    await land(FILE, GRID_FILE);
    await land(DIR, GRID_DIR);
    for (const [a, b, isSame] of [
      [localFile, child('file', GRID_FILE), true],
      [localFile, localFile, true],
      [localDir, gridDir, true],
      [gridDir, localDir, true],
      [localDir, child('directory', dirCaps(2)), false],
      [localFile, localDir, false],
      [localFile, undefined, false],
      [undefined, undefined, true],
    ] as const) {
      assert.equal(isSameThing(landed, a, b), isSame);
    }
    assert.deepEqual(landed.canonical({ ...localFile, more: 1 }), { ...child('file', GRID_FILE), more: 1 });
    assert.equal(isSameThing(undefined, localDir, gridDir), false);
  });

  test('still knows a forgotten file for those who hold its old name, until the restart', async () => {
    await land(FILE, GRID_FILE);
    await store.commit([landed.forget(FILE)]);
    assert.equal(store.records.size, 0);
    assert.equal(landed.capsOf(FILE)?.readCap, GRID_FILE.readCap);
    assert.equal(isSameThing(landed, localFile, child('file', GRID_FILE)), true);
    assert.deepEqual([...landed.all()], []);
    await store.commit([landed.forget(FILE)]);
    assert.equal((await open()).capsOf(FILE), undefined);
  });

  test('remembers the last forgotten files only', async () => {
    const texts = Array.from({ length: 10_002 }, (_, index) => localFileText(`f${index}`, 3));
    for (const text of texts) {
      landed.note(text, GRID_FILE);
      landed.forget(text);
    }
    const isKnown = (index: number): boolean => landed.capsOf(texts[index] ?? '') !== undefined;
    assert.deepEqual([isKnown(0), isKnown(1), isKnown(2), isKnown(10_001)], [false, false, true, true]);
  });
});
