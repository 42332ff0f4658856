// The store as a file: who may have it, what is in it, what is left of it after a kill.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { KeyvSqlite } from '@keyv/sqlite';
import { FsError, hasCode } from '../../src/base/errors.ts';
import { openAdapter, TABLE } from '../../src/meta/backend.ts';
import type { MetaStore } from '../../src/meta/meta-store.ts';
import { openStore } from '../../src/meta/open-store.ts';
import { dump, keysOf } from '../contract/records.ts';
import { FaultyAdapter } from '../fakes/faulty-adapter.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { StoreChild } from './store-child.ts';

const key = Buffer.alloc(32, 9);

function openAt(file: string, mountId = 'mount', withKey = key): Promise<MetaStore> {
  return openStore({ file, key: withKey, mountId });
}

/** One statement on a store that nobody has open. */
async function sql(file: string, statement: string): Promise<unknown[]> {
  const adapter = new KeyvSqlite({ uri: `sqlite://${file}`, table: TABLE });
  try {
    return (await adapter.query(statement)) as unknown[];
  } finally {
    await adapter.close();
  }
}

async function refusal(promise: Promise<MetaStore>): Promise<FsError> {
  const failure = await promise.then(
    (store) => store.close(),
    (error: unknown) => error,
  );
  assert.ok(failure instanceof FsError, String(failure));
  return failure;
}

describe('openStore on a file', () => {
  test('finds again what was committed before it was closed', async () => {
    await using folder = await temporaryFolder();
    for (let round = 0; round < 3; round += 1) {
      const store = await openAt(folder.file('s.sqlite'));
      assert.equal((await keysOf(store, 'k/')).length, round);
      await store.commit([{ key: `k/${round}`, value: round }]);
      await store.close();
    }
  });

  test('tells SQLite to log ahead, to sync each commit and to keep the lock, at first and later', async () => {
    await using folder = await temporaryFolder();
    for (let round = 0; round < 2; round += 1) {
      const { adapter } = new FaultyAdapter(folder.file('s.sqlite'));
      const backend = await openAdapter(adapter, folder.file('s.sqlite'));
      const pragma = async (name: string): Promise<unknown> => (await adapter.query(`PRAGMA ${name}`))[0];
      assert.deepEqual(await pragma('journal_mode'), { journal_mode: 'wal' });
      assert.deepEqual(await pragma('synchronous'), { synchronous: 2 });
      assert.deepEqual(await pragma('locking_mode'), { locking_mode: 'exclusive' });
      await backend.close();
    }
  });

  test('keeps its files from other users', {
    skip: process.platform === 'win32' && 'no modes there',
  }, async () => {
    await using folder = await temporaryFolder();
    const store = await openAt(folder.file('s.sqlite'));
    await store.commit([{ key: 'k/a', value: 1 }]);
    for (const name of await readdir(folder.path)) {
      assert.equal((await stat(folder.file(name))).mode & 0o077, 0, name);
    }
    await store.close();
    assert.deepEqual(await readdir(folder.path), ['s.sqlite']);
  });

  test('opens two stores side by side in one process, but not one twice', async () => {
    await using folder = await temporaryFolder();
    const local = await openAt(folder.file('local.sqlite'));
    const shared = await openAt(folder.file('shared.sqlite'));
    await Promise.all([local.commit([{ key: 'k/a', value: 1 }]), shared.commit([{ key: 'k/a', value: 2 }])]);
    assert.equal((await refusal(openAt(folder.file('local.sqlite')))).code, 'unavailable');
    await local.close();
    assert.deepEqual(await dump(shared, 'k/'), { 'k/a': 2 });
    await shared.close();
  });

  for (const isOld of [false, true]) {
    test(`refuses a second process by name of the first, on ${isOld ? 'an old' : 'a new'} file, until it is killed`, async () => {
      await using folder = await temporaryFolder();
      const file = folder.file('s.sqlite');
      if (isOld) {
        await (await openAt(file)).close();
      }
      await using child = new StoreChild('hold', file);
      await child.said(1);
      assert.deepEqual(child.lines, ['open']);
      const startedAt = performance.now();
      const failure = await refusal(openAt(file));
      assert.ok(performance.now() - startedAt < 500, 'it waited for the lock');
      assert.equal(failure.code, 'unavailable');
      assert.match(failure.message, new RegExp(`process ${child.pid}\\)`));
      assert.match(failure.hint ?? '', /stop the other one/);
      await child.kill();
      await (await openAt(file)).close();
    });
  }

  test('is refused by a store of this process as well', async () => {
    await using folder = await temporaryFolder();
    const store = await openAt(folder.file('s.sqlite'));
    await using child = new StoreChild('hold', folder.file('s.sqlite'));
    await child.said(1);
    assert.equal(JSON.parse(child.lines[0] ?? '').code, 'unavailable');
    assert.equal(await child.ended(), 0);
    await store.close();
  });

  test('survives a file that is no database, and leaves it as it is', async () => {
    await using folder = await temporaryFolder();
    const file = folder.file('s.sqlite');
    const garbage = 'this is no database, but long enough to be read as the head of one'.repeat(100);
    await writeFile(file, garbage);
    const failure = await refusal(openAt(file));
    assert.equal(failure.code, 'corrupt');
    assert.match(failure.hint ?? '', /move it aside/);
    assert.equal(await readFile(file, 'utf8'), garbage);
    // A rejection that nobody awaits would end a process with another code.
    await using child = new StoreChild('hold', file);
    assert.equal(await child.ended(), 0);
    assert.equal(JSON.parse(child.lines[0] ?? '').code, 'corrupt');
  });

  test('says `corrupt` for damaged pages: what was on them is never absent', async () => {
    await using folder = await temporaryFolder();
    const file = folder.file('s.sqlite');
    const store = await openAt(file);
    const records = Array.from({ length: 400 }, (_, index) => ({
      key: `k/${index}`,
      value: 'x'.repeat(300),
    }));
    await store.commit(records);
    await store.close();
    const handle = await open(file, 'r+');
    const { size } = await handle.stat();
    await handle.write(Buffer.alloc(size - 20_480, 0xff), 0, size - 20_480, 20_480);
    await handle.close();
    const readAll = async (): Promise<unknown> => {
      const damaged = await openAt(file);
      try {
        return await dump(damaged, 'k/');
      } finally {
        await damaged.close();
      }
    };
    await assert.rejects(readAll, (error) => hasCode(error, 'corrupt'));
  });

  test('refuses a file of a newer program', async () => {
    await using folder = await temporaryFolder();
    await (await openAt(folder.file('s.sqlite'))).close();
    await sql(folder.file('s.sqlite'), 'PRAGMA user_version=2');
    const failure = await refusal(openAt(folder.file('s.sqlite')));
    assert.equal(failure.code, 'corrupt');
    assert.match(failure.message, /version 2/);
  });

  test('refuses a folder that is not there', async () => {
    await using folder = await temporaryFolder();
    assert.equal((await refusal(openAt(folder.file('absent/s.sqlite')))).code, 'bad-config');
  });

  test('refuses another key and another mount, instead of showing nothing', async () => {
    await using folder = await temporaryFolder();
    const file = folder.file('s.sqlite');
    const store = await openAt(file);
    await store.commit([{ key: 'k/a', value: 1 }]);
    await store.close();
    assert.equal((await refusal(openAt(file, 'other'))).code, 'corrupt');
    assert.equal((await refusal(openAt(file, 'mount', Buffer.alloc(32, 8)))).code, 'corrupt');
    const again = await openAt(file);
    assert.deepEqual(await dump(again, 'k/'), { 'k/a': 1 });
    await again.close();
  });

  test('refuses a damaged head', async () => {
    await using folder = await temporaryFolder();
    const file = folder.file('s.sqlite');
    await (await openAt(file)).close();
    await sql(file, `UPDATE ${TABLE} SET value = '2:abc' WHERE key = 'head'`);
    assert.equal((await refusal(openAt(file))).code, 'corrupt');
  });

  test('says `corrupt` for a record that was put in the place of another', async () => {
    await using folder = await temporaryFolder();
    const file = folder.file('s.sqlite');
    const store = await openAt(file);
    await store.commit([
      { key: 'k/a', value: 1 },
      { key: 'k/b', value: 2 },
    ]);
    await store.close();
    await sql(
      file,
      `UPDATE ${TABLE} SET value = (SELECT value FROM ${TABLE} WHERE key LIKE 'k/%' LIMIT 1) WHERE key LIKE 'k/%'`,
    );
    const swapped = await openAt(file);
    const answers = await Promise.allSettled([swapped.get('k/a'), swapped.get('k/b')]);
    const [refused] = answers.filter((answer) => answer.status === 'rejected');
    assert.ok(hasCode(refused?.reason, 'corrupt'));
    await swapped.close();
  });
});

describe('the files of a store', () => {
  test('hold no name and no value that can be read, open or closed', async () => {
    await using folder = await temporaryFolder();
    const store = await openAt(folder.file('s.sqlite'));
    const secrets = [
      'holiday photograph.jpg',
      'directory-of-mine',
      'URI:DIR2:secretsecret',
      'valuable words',
    ];
    const [name = '', dir = '', cap = '', words = ''] = secrets;
    await store.commit([{ key: `edit/${dir}/${name}`, value: { cap, [words]: words } }]);
    // Another process looks: closing the file in this one would drop its lock.
    const look = `const fs = require('fs'); const [, folder, ...needles] = process.argv;
      const all = Buffer.concat(fs.readdirSync(folder).map((name) => fs.readFileSync(folder + '/' + name)));
      const forms = (n) => [n, Buffer.from(n).toString('hex'), Buffer.from(n, 'utf16le')];
      console.log(needles.filter((n) => forms(n).some((form) => all.includes(form))).join());`;
    const found = async (): Promise<string> => {
      const args = ['-e', look, folder.path, 'edit/', ...secrets];
      return (await promisify(execFile)(process.execPath, args)).stdout.trim();
    };
    assert.equal(await found(), 'edit/'); // the kind shows, so the right files were searched
    await store.close();
    assert.equal(await found(), 'edit/');
  });

  test('hold whole commits, and every answered one, after 15 kills under load', async () => {
    await using folder = await temporaryFolder();
    const file = folder.file('s.sqlite');
    let generation = 1;
    for (let kill = 0; kill < 15; kill += 1) {
      await using child = new StoreChild('load', file, generation);
      await child.said(2 + Math.floor(Math.random() * 60));
      await child.kill();
      const answered = Number(child.lines.at(-1));
      assert.deepEqual(await sql(file, 'PRAGMA quick_check'), [{ quick_check: 'ok' }]);

      const store = await openAt(file);
      const records = Object.values({ ...(await dump(store, 'k/')), ...(await dump(store, 'moving/')) });
      const generations = new Set(records.map((value) => (value as { generation: number }).generation));
      assert.equal(records.length, 11);
      assert.equal(generations.size, 1, `torn: ${[...generations].join()}`);
      const [kept = 0] = generations;
      // One more may have been written whose answer was on its way.
      assert.ok(kept === answered || kept === answered + 1, `answered ${answered}, kept ${kept}`);
      await store.close();
      generation = kept + 1;
    }
    assert.ok(generation > 30);
  });
});
