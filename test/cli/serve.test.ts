import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { answerOf, ask, head, until } from '../http/raw-client.ts';
import { type Running, run, standIn, start } from './run.ts';

const started: Running[] = [];

async function startServer(...args: readonly string[]): Promise<{ running: Running; port: number }> {
  const running = start(standIn, ['--addr', '127.0.0.1:0', ...args]);
  started.push(running);
  const [, port] = await running.printed(/^listening on http:\/\/127\.0\.0\.1:(\d+)\//m);
  return { running, port: Number(port) };
}

/** Sends a request and waits until the server has taken it up. */
async function begin(port: number, path: string): Promise<{ answer: Promise<string> }> {
  const socket = connect(port, '127.0.0.1');
  const answer = answerOf(socket).then(({ text }) => text);
  socket.write(`GET /quick HTTP/1.1\r\nHost: localhost\r\n\r\n${head(`GET ${path} HTTP/1.1`)}`);
  await until(socket, /answered$/);
  return { answer };
}

describe('serve', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'serve-'));
  });
  after(() => rmSync(folder, { recursive: true }));
  afterEach(async () => {
    for (const { child, ended } of started.splice(0)) {
      child.kill('SIGKILL');
      await ended;
    }
  });

  test('says on standard output where it listens, one line an address', async () => {
    const socket = join(folder, 's.sock');
    const args = ['--addr', '127.0.0.1:0', '--addr', `unix:${socket}`, '--baseurl', '/dav'];
    const running = start(standIn, args);
    await running.printed(/unix.*\n/);
    running.child.kill('SIGTERM');
    const { code, stdout } = await running.ended;
    assert.equal(code, 0);
    assert.match(stdout, /^listening on http:\/\/127\.0\.0\.1:\d+\/dav\/\nlistening on unix:\S+\/s\.sock\n$/);
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`finishes what runs at ${signal}, takes nothing new, and exits with 0`, async () => {
      const { running, port } = await startServer();
      const { answer } = await begin(port, '/slow');
      running.child.kill(signal);
      await systemClock.sleep(100);
      assert.equal((await ask(port, head('GET / HTTP/1.1'))).status, 0);
      assert.match(await answer, /answered.*answered$/s);
      assert.equal((await running.ended).code, 0);
    });
  }

  describe('with changes that wait', () => {
    const waiting = { STAND_IN_CHANGES: '[["/a"],["/b"]]' };

    /** A server whose grid takes `changes` and no more. */
    async function startWith(changes: number, ...args: readonly string[]): Promise<Running> {
      const env = { ...waiting, STAND_IN_REPORTS: String(changes + 1) };
      const running = start(standIn, ['--addr', '127.0.0.1:0', ...args], env);
      started.push(running);
      await running.printed(/^listening on /m);
      return running;
    }

    test('brings them to the grid before it ends', async () => {
      const running = await startWith(2);
      running.child.kill('SIGTERM');
      const { code, stderr } = await running.ended;
      assert.equal(code, 0);
      assert.match(stderr, /waiting for changes to reach the grid.* edits=2 bytes=2000 graceMs=30000\n$/);
    });

    test('ends with 0 when --shutdown-grace is over, and says what is left', async () => {
      const running = await startWith(1, '--shutdown-grace', '300ms');
      running.child.kill('SIGTERM');
      const { code, stderr } = await running.ended;
      assert.equal(code, 0);
      assert.match(stderr, /warn: not everything is on the grid yet.* edits=1\n$/);
    });

    test('waits for nothing with --shutdown-grace 0', async () => {
      const running = await startWith(0, '--shutdown-grace', '0');
      running.child.kill('SIGTERM');
      const { code, stderr } = await running.ended;
      assert.equal(code, 0);
      assert.doesNotMatch(stderr, /waiting for/);
    });

    test('ends at once at a second SIGINT', async () => {
      const running = await startWith(0);
      running.child.kill('SIGINT');
      await systemClock.sleep(500);
      assert.equal(running.child.exitCode, null);
      running.child.kill('SIGINT');
      assert.equal((await running.ended).code, 1);
    });

    test('waits for nothing after a bug', async () => {
      const running = await startWith(0);
      const [, port] = await running.printed(/127\.0\.0\.1:(\d+)/);
      await ask(Number(port), head('GET /throw HTTP/1.1'));
      const { code, stderr } = await running.ended;
      assert.equal(code, 1);
      assert.doesNotMatch(stderr, /waiting for/);
    });
  });

  test('ends at once at a second SIGINT', async () => {
    const { running, port } = await startServer();
    await begin(port, '/hang');
    running.child.kill('SIGINT');
    await systemClock.sleep(400);
    assert.equal(running.child.exitCode, null);
    running.child.kill('SIGINT');
    assert.equal((await running.ended).code, 1);
  });

  test('takes two SIGINT of one key press for one', async () => {
    const { running, port } = await startServer();
    const { answer } = await begin(port, '/slow');
    running.child.kill('SIGINT');
    await systemClock.sleep(20);
    running.child.kill('SIGINT');
    assert.match(await answer, /answered.*answered$/s);
    assert.equal((await running.ended).code, 0);
  });

  for (const path of ['/throw', '/reject']) {
    test(`lets what runs end after a bug that nobody caught (${path}), and exits with 1`, async () => {
      const { running, port } = await startServer();
      const { answer } = await begin(port, '/slow');
      await ask(port, head(`GET ${path} HTTP/1.1`));
      assert.match(await answer, /answered.*answered$/s);
      const { code, stderr } = await running.ended;
      assert.equal(code, 1);
      assert.match(stderr, /error: unexpected error, the server ends/);
    });
  }

  test('names an address that is taken, and exits with 1', async () => {
    const { port } = await startServer();
    const { code, stdout, stderr } = await run(standIn, ['--addr', `127.0.0.1:${port}`]);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(
      stderr,
      new RegExp(`^tahoe-webdav: 127\\.0\\.0\\.1:${port} is taken by another program; [^\\n]*\\n$`),
    );
  });

  test('outlives whoever reads its output', async () => {
    const { running, port } = await startServer('--log-level', 'debug');
    running.child.stdout.destroy();
    running.child.stderr.destroy();
    for (let n = 0; n < 3; n += 1) {
      assert.equal((await ask(port, head('GET / HTTP/1.1'))).status, 200);
    }
    running.child.kill('SIGTERM');
    assert.equal((await running.ended).code, 0);
  });
});
