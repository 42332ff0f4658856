import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const compiled = fileURLToPath(new URL('../../src', import.meta.url));

/** A program that only tells what reached it; its exit code is the number of its arguments. */
const MAIN = `export async function main(args) {
  console.log(JSON.stringify({ args, pool: process.env.UV_THREADPOOL_SIZE, sqlite: globalThis.sqlite ?? 'not asked' }));
  return args.length;
}`;
const ENSURE = `export async function ensureSqlite(say) {
  globalThis.sqlite = process.env.SQLITE ?? 'opens';
  if (globalThis.sqlite !== 'opens') say(globalThis.sqlite);
  return globalThis.sqlite === 'opens';
}`;

describe('bin', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'bin-'));
    mkdirSync(join(folder, 'cli'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(folder, 'cli', 'main.js'), MAIN);
    writeFileSync(join(folder, 'ensure-sqlite.js'), ENSURE);
    copyFileSync(join(compiled, 'bin.cjs'), join(folder, 'bin.cjs'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const run = (
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): { code: number | null; out: string; err: string } => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, 'bin.cjs'), ...args], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], ...env },
    });
    return { code: status, out: stdout, err: stderr };
  };
  const told = (text: string): unknown => JSON.parse(text);

  test('hands the arguments over and ends with the code that comes back', () => {
    const { code, out, err } = run(['serve', '--addr', 'unix:/a b', 'x']);
    assert.deepEqual({ code, err }, { code: 4, err: '' });
    const pool = String(Math.max(8, 2 * cpus().length));
    assert.deepEqual(told(out), { args: ['serve', '--addr', 'unix:/a b', 'x'], pool, sqlite: 'opens' });
  });

  test('leaves a thread pool that somebody has sized', () => {
    assert.deepEqual(told(run([], { UV_THREADPOOL_SIZE: '3' }).out), {
      args: [],
      pool: '3',
      sqlite: 'opens',
    });
  });

  test('stops where sqlite3 can not be had, with one line and no stack', () => {
    assert.deepEqual(run(['serve'], { SQLITE: 'install make' }), { code: 1, out: '', err: 'install make\n' });
  });

  for (const option of ['--help', '--version']) {
    test(`answers ${option} without sqlite3`, () => {
      const { code, out } = run([option], { SQLITE: 'install make' });
      assert.equal(code, 1);
      assert.match(out, /not asked/);
    });
  }

  test('names the Node that it needs', () => {
    const script =
      "Object.defineProperty(process.versions, 'node', { value: '20.18.9' }); require(process.argv[1])";
    const { status, stderr } = spawnSync(process.execPath, ['-e', script, join(folder, 'bin.cjs')], {
      encoding: 'utf8',
    });
    assert.equal(status, 1);
    assert.equal(stderr, 'tahoe-webdav needs Node 20.19 or later; this is 20.18.9\n');
  });
});
