// What a newcomer does, with an empty HOME and no way to a ready sqlite3: a clone, and a global installation of the
// packed program. sqlite3 is built from source once, which takes a minute.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { projectDir } from '../project.ts';
import { BareInstallation } from './bare-installation.ts';
import { archiveOf, startMirror } from './mirror.ts';

const run = promisify(execFile);
const addr = ['--addr', '127.0.0.1:0'];
const NO_MIRROR = 'http://127.0.0.1:1/';
const headers = join(dirname(dirname(process.execPath)), 'include', 'node', 'node_api.h');
const canBuild = process.env['REQUIRE_REAL'] === '1' || existsSync(headers);
const skip = canBuild ? false : 'no headers beside this Node to build sqlite3 with';

interface Visit {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Who gets the signal: the command alone, as from a service manager, or all of its processes, as from a terminal. */
  readonly signalled: 'command' | 'group';
}

/** Starts a server, writes and reads a file, ends it; gives what it said besides where it listens. */
async function visit({ command: [program = '', ...args], cwd, env, signalled }: Visit): Promise<string> {
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const pid = child.pid ?? Number.NaN;
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
      said += `${line}\n`;
    }
    assert.notEqual(url, '', said);
    const file = new URL(`${basename(program)}%20file.txt`, url);
    const put = await fetch(file, { method: 'PUT', body: 'written by a newcomer' });
    assert.equal(put.status, 201, await put.text());
    assert.equal(await (await fetch(file)).text(), 'written by a newcomer');
    process.kill(signalled === 'group' ? -pid : pid, 'SIGTERM');
    await ended;
    await assert.rejects(fetch(file), 'the server has ended');
    return said;
  } finally {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // Nobody is left.
    }
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
    const said = await visit({
      command: ['npm', 'start', '-s', '--', ...addr],
      cwd: clone,
      env: offline,
      signalled: 'command',
    });
    assert.match(said, /^tahoe-webdav: building sqlite3 for this machine, once; this takes about a minute$/m);
    const again = await visit({
      command: ['npx', 'tahoe-webdav', ...addr],
      cwd: clone,
      env: offline,
      signalled: 'group',
    });
    assert.doesNotMatch(again, /building sqlite3/);
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
    const command = [join(prefix, 'bin', 'tahoe-webdav'), 'serve', ...addr];
    await visit({ command, cwd: dir, env: fetching, signalled: 'command' });
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
