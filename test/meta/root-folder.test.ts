import assert from 'node:assert/strict';
import { cp, mkdir, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { KeyvSqlite } from '@keyv/sqlite';
import { FsError, hasCode } from '../../src/base/errors.ts';
import { TABLE } from '../../src/meta/backend.ts';
import { rootFolderOf } from '../../src/meta/cache-root.ts';
import { openRootFolder, type RootFolder, type RootFolderOptions } from '../../src/meta/root-folder.ts';
import { dump } from '../contract/records.ts';
import { logLines } from '../fakes/log-lines.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';

const ERROR = 50;
const mine = {
  readSecret: Buffer.from('the read cap of a root'),
  storageIndex: 'pyswd5hpj7gv4tzl4mfwzgzqza',
};
const others = { ...mine, readSecret: Buffer.from('the read cap of another root') };
const DAMAGED = /^damaged-20240102T030405Z/;

/** A cache directory with two roots in use, mine being looked at. */
class Scene implements AsyncDisposable {
  readonly path: string;
  readonly clock = new ManualClock();
  readonly #cacheDir: TemporaryFolder;
  #others: ReadonlyMap<string, Buffer> = new Map();
  #log = logLines();

  private constructor(cacheDir: TemporaryFolder) {
    this.#cacheDir = cacheDir;
    this.path = rootFolderOf({ cacheDir: cacheDir.path, writeSecret: undefined, ...mine });
  }

  /** Both roots were used and left in peace. */
  static async used(records: Readonly<Record<string, unknown>> = {}): Promise<Scene> {
    const scene = new Scene(await temporaryFolder());
    for (const root of [others, mine]) {
      const folder = await scene.start(root);
      await folder.local.commit([
        { key: 'mount/node', value: { nodeId: 'a node' } },
        ...Array.from({ length: 200 }, (_, nth) => ({ key: `listing/${nth}`, value: 'x'.repeat(300) })),
        ...Object.entries(records).map(([key, value]) => ({ key, value })),
      ]);
      await folder.shared.commit([{ key: 'lock/a', value: { token: 'a' } }]);
      await mkdir(join(folder.cacheRoot.folder, 'blocks/aa'), { recursive: true });
      await writeFile(join(folder.cacheRoot.folder, 'blocks/aa/block'), 'sealed');
      await folder.close();
    }
    scene.#others = await scene.#snapshot(others);
    return scene;
  }

  start(other: Partial<RootFolderOptions> = {}): Promise<RootFolder> {
    this.#log = logLines();
    return openRootFolder({
      cacheDir: this.#cacheDir.path,
      writeSecret: undefined,
      isInMemory: false,
      makeRoom: async () => false,
      log: this.#log.log,
      clock: this.clock,
      ...mine,
      ...other,
    });
  }

  get errors(): string[] {
    return this.#log.lines.filter((line) => line.level >= ERROR).map((line) => JSON.stringify(line));
  }

  get warnings(): string[] {
    return this.#log.lines.filter((line) => line.level < ERROR).map((line) => line.msg);
  }

  file(name: string): string {
    return join(this.path, name);
  }

  async has(name: string): Promise<boolean> {
    return (await readdir(this.path)).includes(name);
  }

  async setAside(): Promise<string[]> {
    return (await readdir(this.path)).filter((name) => name.startsWith('damaged-'));
  }

  async addDirtyFile(): Promise<void> {
    await mkdir(this.file('dirty/ab'), { recursive: true });
    await writeFile(this.file('dirty/ab/content'), 'answered, and nowhere else');
  }

  /** The store opens, has none of the old records, and keeps new ones over a start. */
  async assertStartsEmpty(folder: RootFolder): Promise<void> {
    for (const [store, kind] of [
      [folder.local, 'listing/'],
      [folder.local, 'mount/'],
      [folder.local, 'edit/'],
    ] as const) {
      assert.deepEqual(await dump(store, kind), {});
    }
    await this.assertKeeps(folder);
  }

  async assertKeeps(folder: RootFolder): Promise<void> {
    await folder.local.commit([{ key: 'mount/node', value: 'new' }]);
    await folder.shared.commit([{ key: 'lock/b', value: 'new' }]);
    await folder.close();
    const again = await this.start();
    assert.equal((await again.local.get('mount/node'))?.value, 'new');
    assert.equal((await again.shared.get('lock/b'))?.value, 'new');
    assert.deepEqual([...this.errors, ...this.warnings], []);
    await again.close();
    assert.deepEqual(await this.#snapshot(others), this.#others, 'another root was touched');
  }

  async #snapshot(root: typeof mine): Promise<ReadonlyMap<string, Buffer>> {
    const folder = rootFolderOf({ cacheDir: this.#cacheDir.path, writeSecret: undefined, ...root });
    return await filesOf(folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cacheDir[Symbol.asyncDispose]();
  }
}

/** Every file below, by its path; nobody has a store in it open. */
async function filesOf(folder: string): Promise<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) {
      const path = join(entry.parentPath ?? entry.path, entry.name);
      files.set(path, await readFile(path));
    }
  }
  return files;
}

/** A store without its head of 100 bytes, where SQLite counts who opened it for writing. */
async function bodyOf(file: string): Promise<Buffer> {
  return (await readFile(file)).subarray(100);
}

/** One statement on a store that nobody has open. */
async function sql(file: string, statement: string): Promise<void> {
  const adapter = new KeyvSqlite({ uri: `sqlite://${file}`, table: TABLE });
  try {
    await adapter.query(statement);
  } finally {
    await adapter.close();
  }
}

async function overwrite(file: string, at: number, bytes: Buffer): Promise<void> {
  await using handle = await open(file, 'r+');
  await handle.write(bytes, 0, bytes.length, at);
}

/** Makes another letter of the last one of a key wherever it stands in the index: the rows stay as they are. */
async function spoilIndex(file: string): Promise<void> {
  const text = (await readFile(file)).toString('latin1');
  const rows = [...text.matchAll(/(listing\/[A-Za-z0-9_-]{22})(?=AQ[A-Za-z0-9+/]{20})/g)].map(
    (row) => row[1] ?? '',
  );
  const key = rows[100] ?? '';
  const inIndex = [...text.matchAll(new RegExp(`${key}(?!AQ)`, 'g'))];
  assert.ok(key !== '' && inIndex.length > 0, 'no key was found in the index');
  for (const { index } of inIndex) {
    await overwrite(file, index + key.length - 1, Buffer.from('!'));
  }
}

async function garbage(file: string): Promise<void> {
  await writeFile(file, 'this is no database, but long enough to be read as the head of one'.repeat(100));
}

async function halve(file: string): Promise<void> {
  await truncate(file, Math.floor((await stat(file)).size / 2 / 4096) * 4096);
}

async function spoilMiddle(file: string): Promise<void> {
  const { size } = await stat(file);
  await overwrite(file, Math.floor(size / 2), Buffer.alloc(12_288, 0xa5));
}

const damages: ReadonlyArray<readonly [what: string, damage: (file: string) => Promise<void>]> = [
  ['holds something else', garbage],
  ['is cut in half', halve],
  ['has a damaged middle', spoilMiddle],
];

describe('openRootFolder', () => {
  test('goes on with what is there', async () => {
    await using scene = await Scene.used();
    const folder = await scene.start();
    assert.equal(folder.writeRefusal, undefined);
    assert.equal(Object.keys(await dump(folder.local, 'listing/')).length, 200);
    assert.deepEqual(await dump(folder.shared, 'lock/'), { 'lock/a': { token: 'a' } });
    assert.deepEqual([...scene.errors, ...scene.warnings, ...(await scene.setAside())], []);
    await scene.assertKeeps(folder);
  });

  test('refuses who comes second, and lets it in after the first has closed', async () => {
    await using scene = await Scene.used();
    const first = await scene.start();
    await assert.rejects(
      scene.start(),
      (error) => hasCode(error, 'unavailable') && /used by another/.test(error.message),
    );
    await first.close();
    await (await scene.start()).close();
  });

  test('lets at most one of several starts at once repair what they find', async () => {
    await using scene = await Scene.used();
    await garbage(scene.file('local.sqlite'));
    const starts = await Promise.allSettled([scene.start(), scene.start(), scene.start()]);
    for (const start of starts) {
      if (start.status === 'fulfilled') {
        await start.value.close();
      } else {
        assert.ok(hasCode(start.reason, 'unavailable'));
      }
    }
    // Where they met at the lock's first steps, all are refused.
    assert.ok(starts.filter(({ status }) => status === 'fulfilled').length <= 1);
    const folder = await scene.start();
    assert.equal((await scene.setAside()).length, 1);
    await scene.assertStartsEmpty(folder);
  });

  for (const [what, damage] of [
    ...damages,
    ['has an index that misses a key', spoilIndex],
    [
      'has a damaged record of those that a start needs',
      (file: string) =>
        sql(file, `UPDATE ${TABLE} SET value = 'AQAA' || substr(value, 5) WHERE key LIKE 'mount/%'`),
    ],
  ] as const) {
    test(`moves a store aside that ${what}, says where, and starts a new one`, async () => {
      await using scene = await Scene.used({ 'edit/dir/name': 'noted' });
      const file = scene.file('local.sqlite');
      await damage(file);
      const damaged = await bodyOf(file);
      const folder = await scene.start();
      const [place = '', ...more] = await scene.setAside();
      assert.match(place, DAMAGED);
      assert.deepEqual(more, []);
      assert.ok(damaged.equals(await bodyOf(scene.file(join(place, 'local.sqlite')))));
      assert.equal(scene.errors.length, 1);
      assert.ok(scene.errors[0]?.includes(scene.file(place)));
      assert.match(scene.errors[0] ?? '', /may be lost/);
      assert.equal(folder.writeRefusal, undefined);
      assert.equal(await readFile(scene.file('blocks/aa/block'), 'utf8'), 'sealed');
      assert.deepEqual(await dump(folder.shared, 'lock/'), { 'lock/a': { token: 'a' } });
      await scene.assertStartsEmpty(folder);
    });
  }

  test('moves the log of a store with it, which would spoil the new one', async () => {
    await using scene = await Scene.used();
    await writeFile(scene.file('local.sqlite-wal'), 'a log');
    await garbage(scene.file('local.sqlite'));
    const folder = await scene.start();
    const [place = ''] = await scene.setAside();
    assert.equal(await readFile(scene.file(join(place, 'local.sqlite-wal')), 'utf8'), 'a log');
    await scene.assertStartsEmpty(folder);
  });

  test('moves nothing over what was moved aside in the same second', async () => {
    await using scene = await Scene.used();
    for (const text of ['first', 'second', 'third']) {
      await writeFile(scene.file('local.sqlite'), text.repeat(2000));
      await (await scene.start()).close();
    }
    const places = (await scene.setAside()).sort();
    assert.equal(places.length, 3);
    for (const [nth, text] of ['first', 'second', 'third'].entries()) {
      const moved = await readFile(scene.file(join(places[nth] ?? '', 'local.sqlite')), 'utf8');
      assert.ok(moved.startsWith(text));
    }
  });

  for (const [what, damage] of [
    ...damages,
    [
      'has a damaged record',
      (file: string) =>
        sql(file, `UPDATE ${TABLE} SET value = 'AQAA' || substr(value, 5) WHERE key LIKE 'lock/%'`),
    ],
    [
      "is another root's",
      (file: string) => sql(file, `UPDATE ${TABLE} SET value = '1:x' WHERE key = 'head'`),
    ],
  ] as const) {
    test(`begins with no locks where the store of locks ${what}`, async () => {
      await using scene = await Scene.used({ 'edit/dir/name': 'noted' });
      await damage(scene.file('shared.sqlite'));
      const folder = await scene.start();
      assert.deepEqual(await dump(folder.shared, 'lock/'), {});
      assert.deepEqual(Object.keys(await dump(folder.local, 'edit/')), ['edit/dir/name']);
      assert.equal(folder.writeRefusal, undefined);
      assert.equal(scene.errors.length, 1);
      assert.match(scene.errors[0] ?? '', /lock/);
      assert.equal((await scene.setAside()).length, 1);
      await scene.assertKeeps(folder);
    });
  }

  test('warns of a store that is not the one of the last start', async () => {
    await using scene = await Scene.used();
    await rm(scene.file('local.sqlite'));
    const folder = await scene.start();
    assert.match(scene.warnings.join('\n'), /not the one of the last start/);
    await scene.assertStartsEmpty(folder);
  });
});

describe('openRootFolder with unsynced contents', () => {
  for (const [what, damage] of [...damages, ['is gone', (file: string) => rm(file)]] as const) {
    test(`refuses writes where their store ${what}, until they are away`, async () => {
      await using scene = await Scene.used();
      await scene.addDirtyFile();
      await damage(scene.file('local.sqlite'));
      for (let start = 0; start < 3; start += 1) {
        const { writeRefusal, ...folder } = await scene.start();
        assert.ok(writeRefusal instanceof FsError);
        assert.equal(writeRefusal.code, 'unavailable');
        assert.match(writeRefusal.message, /recover or discard/);
        assert.match(writeRefusal.hint ?? '', /recover/);
        assert.match(scene.errors.at(-1) ?? '', /writes are refused/);
        await folder.close();
        assert.equal(await readFile(scene.file('dirty/ab/content'), 'utf8'), 'answered, and nowhere else');
      }
      assert.equal((await scene.setAside()).length, what === 'is gone' ? 0 : 1);
      await rm(scene.file('dirty'), { recursive: true });
      const folder = await scene.start();
      assert.equal(folder.writeRefusal, undefined);
      await scene.assertStartsEmpty(folder);
    });
  }

  test('refuses no writes any more once the contents were accepted', async () => {
    await using scene = await Scene.used();
    await scene.addDirtyFile();
    await rm(scene.file('local.sqlite'));
    const refusing = await scene.start();
    assert.ok(refusing.writeRefusal);
    await refusing.accept();
    await refusing.close();
    const folder = await scene.start();
    assert.equal(folder.writeRefusal, undefined);
    await folder.close();
  });

  test('refuses no writes where the store is the one of the last start, also one put back', async () => {
    await using scene = await Scene.used();
    await scene.addDirtyFile();
    const first = await scene.start();
    assert.equal(first.writeRefusal, undefined);
    await first.close();
    await cp(scene.file('local.sqlite'), scene.file('copy'));
    await garbage(scene.file('local.sqlite'));
    const damaged = await scene.start();
    assert.ok(damaged.writeRefusal);
    await damaged.close();
    await cp(scene.file('copy'), scene.file('local.sqlite'));
    const healed = await scene.start();
    assert.equal(healed.writeRefusal, undefined);
    assert.equal(Object.keys(await dump(healed.local, 'listing/')).length, 200);
    await healed.close();
  });

  test('is not misled by empty folders', async () => {
    await using scene = await Scene.used();
    await mkdir(scene.file('dirty/ab'), { recursive: true });
    await garbage(scene.file('local.sqlite'));
    const folder = await scene.start();
    assert.equal(folder.writeRefusal, undefined);
    await scene.assertStartsEmpty(folder);
  });
});

interface Loss {
  readonly what: string;
  readonly lose: (scene: Scene) => Promise<void>;
  readonly why: RegExp;
}

const losses: readonly Loss[] = [
  { what: 'is gone', lose: (scene) => rm(scene.file('salt')), why: /salt is gone/ },
  ...[0, 31, 33].map((length) => ({
    what: `has ${length} bytes`,
    lose: (scene: Scene) => writeFile(scene.file('salt'), Buffer.alloc(length, 1)),
    why: /a salt has 32/,
  })),
  {
    what: 'is that of another folder',
    lose: (scene) => writeFile(scene.file('salt'), Buffer.alloc(32, 1)),
    why: /does not open with this key/,
  },
  {
    what: 'fits no more because the head of the store is damaged',
    lose: (scene) => sql(scene.file('local.sqlite'), `UPDATE ${TABLE} SET value = '1:x' WHERE key = 'head'`),
    why: /does not open with this key/,
  },
  {
    what: 'fits no more because the head of the store is gone',
    lose: (scene) => sql(scene.file('local.sqlite'), `DELETE FROM ${TABLE} WHERE key = 'head'`),
    why: /does not open with this key/,
  },
];

describe('openRootFolder where the salt', () => {
  for (const { what, lose, why } of losses) {
    for (const isInMemory of [false, ...(/salt/.test(why.source) ? [true] : [])]) {
      test(`${what}: starts empty with a new one${isInMemory ? ', also in memory' : ''}`, async () => {
        await using scene = await Scene.used();
        await lose(scene);
        const store = await bodyOf(scene.file('local.sqlite'));
        const folder = await scene.start({ isInMemory });
        const [place = ''] = await scene.setAside();
        assert.match(place, DAMAGED);
        assert.ok(store.equals(await bodyOf(scene.file(join(place, 'local.sqlite')))));
        assert.equal(scene.errors.length, 1);
        assert.ok(scene.errors[0]?.includes(scene.file(place)));
        assert.match(scene.errors[0] ?? '', why);
        assert.equal((await readFile(scene.file('salt'))).length, 32);
        assert.equal(await scene.has('blocks'), false);
        await folder.close();
        const later = await scene.start();
        await later.close(); // what was dropped is deleted by now
        assert.deepEqual(
          (await readdir(scene.path)).filter((name) => name.startsWith('dropped-')),
          [],
        );
        await scene.assertStartsEmpty(await scene.start());
      });
    }

    for (const unsynced of ['edit', 'pending', 'a dirty file'] as const) {
      test(`${what}: changes nothing and refuses the start while there is ${unsynced === 'a dirty file' ? unsynced : `a record of the kind ${unsynced}`}`, async () => {
        await using scene = await Scene.used(
          unsynced === 'a dirty file' ? {} : { [`${unsynced}/dir/name`]: 'noted' },
        );
        if (unsynced === 'a dirty file') {
          await scene.addDirtyFile();
        }
        await lose(scene);
        const { mtimeMs } = await stat(scene.file('blocks/aa/block'));
        const listed = (await readdir(scene.path)).filter((name) => !name.startsWith('lock.')).sort();
        for (let start = 0; start < 2; start += 1) {
          await assert.rejects(
            scene.start(),
            (error) => hasCode(error, 'corrupt') && why.test(error.message) && /put/.test(error.hint ?? ''),
          );
        }
        assert.deepEqual(
          (await readdir(scene.path)).filter((name) => !name.startsWith('lock.')).sort(),
          listed,
        );
        assert.equal((await stat(scene.file('blocks/aa/block'))).mtimeMs, mtimeMs);
      });
    }
  }

  test('was put back: goes on with everything', async () => {
    await using scene = await Scene.used({ 'edit/dir/name': 'noted' });
    const salt = await readFile(scene.file('salt'));
    await rm(scene.file('salt'));
    await assert.rejects(scene.start(), (error) => hasCode(error, 'corrupt'));
    await writeFile(scene.file('salt'), salt);
    const folder = await scene.start();
    assert.deepEqual(await dump(folder.local, 'edit/'), { 'edit/dir/name': 'noted' });
    await scene.assertKeeps(folder);
  });

  test('is gone and the store damaged as well: starts empty', async () => {
    await using scene = await Scene.used();
    await rm(scene.file('salt'));
    await garbage(scene.file('local.sqlite'));
    await scene.assertStartsEmpty(await scene.start());
  });
});

describe('openRootFolder on what a newer program wrote', () => {
  for (const [what, statement, store] of [
    ['a table', 'PRAGMA user_version=2', 'local'],
    ['a head', `UPDATE ${TABLE} SET value = '2:abc' WHERE key = 'head'`, 'local'],
    ['a table of locks', 'PRAGMA user_version=2', 'shared'],
    ['a head of the locks', `UPDATE ${TABLE} SET value = '12:abc' WHERE key = 'head'`, 'shared'],
  ] as const) {
    test(`refuses ${what}, and moves nothing`, async () => {
      await using scene = await Scene.used();
      await sql(scene.file(`${store}.sqlite`), statement);
      await assert.rejects(
        scene.start(),
        (error) => hasCode(error, 'corrupt') && /newer|version/.test(error.message),
      );
      assert.deepEqual(await scene.setAside(), []);
      assert.equal(await scene.has('blocks'), true);
    });
  }

  test('leaves a needed record of a newer version to whoever reads it', async () => {
    await using scene = await Scene.used();
    const newer = Buffer.from([2, 0, 0]).toString('base64');
    await sql(
      scene.file('local.sqlite'),
      `UPDATE ${TABLE} SET value = '${newer}' || substr(value, 5) WHERE key LIKE 'mount/%'`,
    );
    const folder = await scene.start();
    await assert.rejects(folder.local.get('mount/node'), (error) => hasCode(error, 'corrupt'));
    assert.deepEqual(await scene.setAside(), []);
    await folder.close();
  });
});
