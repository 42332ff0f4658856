// The metadata on this disk is lost while much has not reached the grid: nothing is written until somebody has decided,
// and `recover` brings every answered content back.
import assert from 'node:assert/strict';
import { readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { BackHome } from './back-home.ts';

const SMALL = 100;
const LARGE = 'a line of many. '.repeat(500_000);

async function storeFiles(home: string): Promise<string[]> {
  const state = join(home, 'state');
  const files = await readdir(state, { recursive: true });
  return files.filter((name) => /local\.sqlite(-wal|-shm)?$/.test(name)).map((name) => join(state, name));
}

const harms: ReadonlyArray<readonly [string, (files: readonly string[]) => Promise<void>]> = [
  [
    'removed',
    async (files) => {
      await Promise.all(files.map((file) => rm(file)));
    },
  ],
  [
    'overwritten with nonsense',
    async (files) => {
      for (const file of files) {
        await (file.endsWith('.sqlite') ? writeFile(file, 'no database. '.repeat(5_000)) : rm(file));
      }
    },
  ],
  [
    'emptied',
    async (files) => {
      for (const file of files) {
        await (file.endsWith('.sqlite') ? truncate(file, 0) : rm(file));
      }
    },
  ],
];

describe('recover', () => {
  for (const [what, harm] of harms) {
    test(`brings 100 small files and a large one back after local.sqlite was ${what}`, async () => {
      await using home = await BackHome.start(['--write-back', '1h']);
      const contents = new Map<string, string>([['large', LARGE]]);
      assert.equal(await home.client.mkcol('/dir'), 201);
      assert.equal(await home.client.put('/dir/large', LARGE), 201);
      for (let i = 0; i < SMALL; i += 1) {
        contents.set(`small${i}`, `small ${i} `.repeat(i));
        assert.equal(await home.client.put(`/dir/small${i}`, `small ${i} `.repeat(i)), 201);
      }
      await home.server.kill('SIGKILL');
      await harm(await storeFiles(home.home));
      await home.startServer(['--write-back', '0']);
      const refused = await home.client.send('PUT', '/new', { body: 'new' });
      assert.equal(refused.status, 503, refused.body);
      const { writeRefusal, isSynced, code } = await home.status();
      assert.match(String(writeRefusal), /recover/);
      assert.deepEqual([isSynced, code], [false, 4]);
      const { code: recovered, stdout, stderr } = await home.command('recover');
      assert.equal(recovered, 0, stderr);
      const top = /^recovered 101 files, .* in (\/recovered .*)$/m.exec(stdout)?.[1];
      assert.ok(top, stdout);
      for (const [name, content] of contents) {
        assert.equal(await home.client.get(encodeURI(`${top}/dir/${name}`)), content, name);
      }
      assert.equal(await home.client.put('/new', 'new'), 201);
      await home.drained();
      const expected = [...contents].map(([name, content]) => [`${top}/dir/${name}`, content] as const);
      const folders = { [`${top}/`]: '', [`${top}/dir/`]: '' };
      assert.deepEqual(await home.tree(), { ...folders, ...Object.fromEntries(expected), '/new': 'new' });
      assert.equal(await home.server.kill('SIGTERM'), 0);
      await home.startServer();
      assert.equal(await home.client.put('/again', 'again'), 201);
      assert.equal((await home.status()).writeRefusal ?? undefined, undefined);
      assert.match((await home.command('recover')).stdout, /there is nothing to recover/);
    });
  }
});
