// What a newcomer does, with an empty HOME and no way to a ready sqlite3: a clone, and a global installation of the
// packed program. sqlite3 is built from source once, which takes a minute.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { projectDir } from '../project.ts';
import { BareInstallation } from './bare-installation.ts';
import { archiveOf, startMirror } from './mirror.ts';

const run = promisify(execFile);
const NO_MIRROR = 'http://127.0.0.1:1/';
const headers = join(dirname(dirname(process.execPath)), 'include', 'node', 'node_api.h');
const canBuild = process.env['REQUIRE_REAL'] === '1' || existsSync(headers);
const skip = canBuild ? false : 'no headers beside this Node to build sqlite3 with';

/** Starts a server, writes and reads a file, ends it; gives what it said besides where it listens. */
async function tryOut(
  program: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  try {
    let url = '';
    for await (const line of createInterface({ input: child.stdout })) {
      url = /^listening on (http:\S+)$/.exec(line)?.[1] ?? '';
      if (url !== '') {
        break;
      }
    }
    assert.notEqual(url, '', said);
    const file = new URL('a%20file.txt', url);
    const put = await fetch(file, { method: 'PUT', body: 'written by a newcomer' });
    assert.equal(put.status, 201, await put.text());
    assert.equal(await (await fetch(file)).text(), 'written by a newcomer');
    child.kill('SIGTERM');
    await ended;
    assert.equal(child.exitCode, 0, said);
    await assert.rejects(fetch(file), 'the server has ended');
    return said;
  } finally {
    child.kill('SIGKILL');
  }
}

describe('a newcomer', { skip }, () => {
  let dir: string;
  let clone: string;
  let env: NodeJS.ProcessEnv;
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'newcomer-'));
    mkdirSync(join(dir, 'home'));
    clone = join(dir, 'a clone');
    // Without what npm and the test runner have put there for themselves.
    const kept = Object.entries(process.env).filter(
      ([name]) => !/^(npm_|XDG_|TAHOE_|UV_|NODE_(TEST|OPT|V8))/i.test(name),
    );
    env = { ...Object.fromEntries(kept), HOME: join(dir, 'home') };
    await run('git', ['clone', '--quiet', projectDir, clone], { env });
    await run('npm', ['ci'], { cwd: clone, env });
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  test('serves from a clone, building sqlite3, and is stopped by a signal to npm', async () => {
    const offline = { ...env, npm_config_sqlite3_binary_host: NO_MIRROR };
    const said = await tryOut('npm', ['start', '-s', '--', '--addr', '127.0.0.1:0'], clone, offline);
    assert.match(said, /^tahoe-webdav: building sqlite3 for this machine, once; this takes about a minute$/m);
    assert.doesNotMatch(
      await tryOut('npx', ['tahoe-webdav', '--addr', '127.0.0.1:0'], clone, offline),
      /sqlite3/,
    );
  });

  test('serves from the packed program, installed globally', async () => {
    await run('npm', ['run', 'build'], { cwd: clone, env });
    const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', dir], { cwd: clone, env });
    const prefix = join(dir, 'prefix');
    const tarball = join(dir, stdout.trim());
    await run('npm', ['install', '-g', '--ignore-scripts', '--prefix', prefix, tarball], { cwd: dir, env });
    const archive = await archiveOf(join(clone, 'node_modules', 'sqlite3'));
    await using mirror = await startMirror((_request, response) => response.end(archive));
    const fetching = { ...env, npm_config_sqlite3_binary_host: mirror.url };
    await tryOut(join(prefix, 'bin', 'tahoe-webdav'), ['serve', '--addr', '127.0.0.1:0'], dir, fetching);
  });

  test('is not kept waiting by a mirror that accepts and says nothing', async () => {
    await using mirror = await startMirror(() => undefined);
    using place = new BareInstallation();
    const began = performance.now();
    const { code } = await place.setUp({ mirror: mirror.url });
    assert.equal(code, 1);
    assert.ok(performance.now() - began < 40_000);
  });
});
