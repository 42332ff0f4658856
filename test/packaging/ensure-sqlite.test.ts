import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { projectDir } from '../project.ts';
import { BareInstallation } from './bare-installation.ts';
import { archiveOf, BINARY, type Mirror, startMirror } from './mirror.ts';

function opens(place: BareInstallation): boolean {
  const code = 'new (require(process.argv[1]).Database)(":memory:", (error) => process.exit(error ? 1 : 0))';
  return spawnSync(place.node, ['-e', code, place.sqlite]).status === 0;
}

describe('ensureSqlite', () => {
  let mirror: Mirror;
  before(async () => {
    const ready = await archiveOf(join(projectDir, 'node_modules', 'sqlite3'));
    mirror = await startMirror((_request, response) => response.end(ready));
  });
  after(() => mirror[Symbol.asyncDispose]());

  test('does nothing where sqlite3 opens', async () => {
    using place = new BareInstallation();
    await place.setUp({ mirror: mirror.url });
    assert.deepEqual(await place.setUp(), { code: 0, signal: null, said: '' });
  });

  for (const [found, content] of [
    ['no binary', undefined],
    ['an empty binary', ''],
    ['a binary of another machine', 'MZ not for this one'],
  ] as const) {
    test(`fetches a ready one where there is ${found}`, async () => {
      using place = new BareInstallation();
      if (content !== undefined) {
        mkdirSync(dirname(place.binary), { recursive: true });
        writeFileSync(place.binary, content);
      }
      assert.deepEqual(await place.setUp({ mirror: mirror.url }), { code: 0, signal: null, said: '' });
      assert.equal(opens(place), true);
      assert.deepEqual(readdirSync(dirname(place.binary)), ['node_sqlite3.node']);
      assert.deepEqual(readdirSync(place.tmp), []);
    });
  }

  test('may run twice at the same time', async () => {
    using place = new BareInstallation();
    const both = await Promise.all([
      place.setUp({ mirror: mirror.url }),
      place.setUp({ mirror: mirror.url }),
    ]);
    assert.deepEqual(
      both.map(({ code, said }) => ({ code, said })),
      Array(2).fill({ code: 0, said: '' }),
    );
    assert.equal(opens(place), true);
    assert.deepEqual(readdirSync(dirname(place.binary)), ['node_sqlite3.node']);
  });

  test('names the headers where none are beside this Node', async () => {
    using place = new BareInstallation();
    const { code, said } = await place.setUp();
    assert.equal(code, 1);
    assert.match(said, /^tahoe-webdav: [^\n]*libnode-dev[^\n]*python3, make and g\+\+[^\n]*\n$/);
    assert.deepEqual(readdirSync(dirname(place.binary)), []);
    assert.deepEqual(readdirSync(place.tmp), []);
  });

  test('puts nothing in place that does not load', async () => {
    using place = new BareInstallation();
    const folder = join(place.dir, 'broken');
    mkdirSync(join(folder, dirname(BINARY)), { recursive: true });
    writeFileSync(join(folder, BINARY), 'broken');
    const archive = await archiveOf(folder);
    await using broken = await startMirror((_request, response) => response.end(archive));
    const { code } = await place.setUp({ mirror: broken.url });
    assert.equal(code, 1);
    assert.deepEqual(readdirSync(dirname(place.binary)), []);
  });

  test('names the packages where nothing can be built, and keeps the log', async () => {
    using place = new BareInstallation();
    const headers = join(dirname(dirname(place.node)), 'include', 'node');
    mkdirSync(headers, { recursive: true });
    writeFileSync(join(headers, 'node_api.h'), '');
    const { code, said } = await place.setUp();
    assert.equal(code, 1);
    const lines = said.trimEnd().split('\n');
    assert.equal(lines.length, 2, said);
    assert.match(lines[0] ?? '', /about a minute$/);
    assert.match(
      lines[1] ?? '',
      /python3, make and g\+\+ \(Debian, Ubuntu: apt-get install python3 make g\+\+;/,
    );
    const [log = ''] = readdirSync(place.tmp);
    assert.deepEqual(readdirSync(place.tmp), [log]);
    assert.ok(said.includes(join(place.tmp, log)), said);
    assert.match(readFileSync(join(place.tmp, log), 'utf8'), /python/i);
    assert.deepEqual(readdirSync(dirname(place.binary)), []);
  });

  test('says what to do where the installation belongs to another', {
    skip: process.getuid?.() === 0 ? false : 'needs a second user',
  }, async () => {
    using place = new BareInstallation();
    const { code, said } = await place.setUp({ mirror: mirror.url, uid: 65_534 });
    assert.equal(code, 1);
    assert.match(
      said,
      /^tahoe-webdav: sqlite3 is not set up yet[^\n]*run `node [^\n]*setup\.js` once as its owner\n$/,
    );
  });

  test('says what to do where the package is missing', async () => {
    using place = new BareInstallation();
    rmSync(place.sqlite, { recursive: true });
    const { code, said } = await place.setUp();
    assert.equal(code, 1);
    assert.match(said, /^tahoe-webdav: the package sqlite3 is missing: run `npm ci`[^\n]*\n$/);
  });

  test('leaves nothing behind when it is ended', async () => {
    using place = new BareInstallation();
    let asked = (): void => undefined;
    const stop = new Promise<void>((resolve) => {
      asked = resolve;
    });
    await using silent = await startMirror(() => asked());
    const { signal } = await place.setUp({ mirror: silent.url, stop });
    assert.equal(signal, 'SIGTERM');
    assert.deepEqual(readdirSync(place.tmp), []);
    assert.equal(existsSync(place.binary), false);
  });
});
