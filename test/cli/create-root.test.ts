import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { type Ended, run, standIn, start } from './run.ts';
import { NEW_CAP } from './stand-in.ts';

describe('createRoot', () => {
  let folder: string;
  let tahoeDir: string;
  let aliases: string;
  let rootcap: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'create-root-'));
    rootcap = join(folder, 'rootcap');
    tahoeDir = join(folder, 'tahoe');
    aliases = join(tahoeDir, 'private/aliases');
    mkdirSync(join(tahoeDir, 'private'), { recursive: true });
    writeFileSync(join(tahoeDir, 'node.url'), 'http://127.0.0.1:1\n');
  });
  beforeEach(() => {
    rmSync(rootcap, { force: true });
    rmSync(aliases, { force: true });
  });
  after(() => rmSync(folder, { recursive: true }));

  async function create(args: readonly string[], failure = ''): Promise<Ended> {
    const ended = await run(standIn, ['create-root', ...args], { STAND_IN: failure });
    assert.doesNotMatch(ended.stdout + ended.stderr, /cccccccc|dddddddd/);
    return ended;
  }
  const toFile = (): string[] => ['--node-url', 'http://127.0.0.1:1', '--rootcap-file', rootcap];
  const toAlias = (name: string): string[] => ['--tahoe-dir', tahoeDir, '--alias', name];

  test('keeps the cap in a new file of its owner, and shows it to nobody', async () => {
    const { code, stdout, stderr } = await create(toFile());
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /its cap is in .*\/rootcap\n.*[Kk]eep a copy/);
    assert.equal(readFileSync(rootcap, 'utf8'), `${NEW_CAP}\n`);
    assert.equal(statSync(rootcap).mode & 0o777, 0o600);
  });

  test('leaves a file alone that is there', async () => {
    writeFileSync(rootcap, 'old', { mode: 0o644 });
    const { code, stderr } = await create(toFile());
    assert.equal(code, 1);
    assert.match(stderr, /^tahoe-webdav: .*rootcap is there already; no rootcap is ever written over\n$/);
    assert.equal(readFileSync(rootcap, 'utf8'), 'old');
  });

  for (const [failure, exitCode] of [
    ['unavailable', 1],
    ['bug', 1],
  ] as const) {
    test(`removes the file when the grid answers with ${failure}`, async () => {
      assert.equal((await create(toFile(), failure)).code, exitCode);
      assert.ok(!existsSync(rootcap));
    });
  }

  test('asks the grid only for a file that can be made', async () => {
    const nowhere = join(folder, 'no/rootcap');
    const { code, stderr } = await create(
      ['--node-url', 'http://127.0.0.1:1', '--rootcap-file', nowhere],
      'bug',
    );
    assert.equal(code, 1);
    assert.match(stderr, /there is no folder/);
  });

  test('removes the file when it is interrupted', async () => {
    const running = start(standIn, ['create-root', ...toFile()], { STAND_IN: 'hang' });
    await running.printed(/asking/);
    assert.ok(existsSync(rootcap));
    running.child.kill('SIGINT');
    assert.equal((await running.ended).code, 1);
    assert.ok(!existsSync(rootcap));
  });

  test('adds an alias behind the others', async () => {
    writeFileSync(aliases, '# mine\nold: URI:DIR2:x:y', { mode: 0o644 });
    assert.equal((await create(toAlias('new:'))).code, 0);
    assert.equal(readFileSync(aliases, 'utf8'), `# mine\nold: URI:DIR2:x:y\nnew: ${NEW_CAP}\n`);
    assert.equal(statSync(aliases).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(join(tahoeDir, 'private')), ['aliases']);
  });

  test('makes the file of aliases where there is none', async () => {
    assert.equal((await create(toAlias('new'))).code, 0);
    assert.equal(readFileSync(aliases, 'utf8'), `new: ${NEW_CAP}\n`);
  });

  test('never replaces an alias, nor leaves anything behind', async () => {
    writeFileSync(aliases, 'old: URI:DIR2:x:y\n');
    for (const [name, failure] of [
      ['old', 'bug'],
      ['new', 'unavailable'],
    ] as const) {
      assert.equal((await create(toAlias(name), failure)).code, 1);
      assert.equal(readFileSync(aliases, 'utf8'), 'old: URI:DIR2:x:y\n');
      assert.deepEqual(readdirSync(join(tahoeDir, 'private')), ['aliases']);
    }
  });

  test('lets only one at a time change the aliases', async () => {
    writeFileSync(`${aliases}.tahoe-webdav`, '');
    const { code, stderr } = await create(toAlias('new'));
    rmSync(`${aliases}.tahoe-webdav`);
    assert.equal(code, 1);
    assert.match(stderr, /another create-root runs, or one was killed/);
  });

  test('says that a Tahoe directory is none', async () => {
    const { code, stderr } = await run(
      standIn,
      ['create-root', '--node-url', 'http://127.0.0.1:1', '--alias', 'x'],
      {
        HOME: join(folder, 'nobody'),
      },
    );
    assert.equal(code, 2);
    assert.match(
      stderr,
      /there is no Tahoe directory with .*\.tahoe\/private\/aliases; give --tahoe-dir DIR/,
    );
  });
});
