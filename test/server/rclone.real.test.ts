// A tree of thousands of real files carried by rclone: up, compared byte by byte, moved, compared again, removed.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { cp, mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { describe, test } from 'node:test';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { projectDir } from '../project.ts';
import { DavClient } from './dav-client.ts';
import { embeddedGrid, realGrid } from './grids.ts';
import { runClient } from './real-client.ts';
import { type ServerProcess, startServer } from './server-process.ts';

const FILES = 2_100;
/** A few binaries make up most of node_modules' bytes; memory.real.test.ts has the large files. */
const MAX_FILE_BYTES = 1 << 20;

function rcloneSkip(): string | false {
  const isHere = spawnSync('rclone', ['version']).status === 0;
  return isHere || process.env['REQUIRE_REAL'] === '1' ? false : 'no rclone here: apt-get install rclone';
}

/** Copies FILES files of node_modules into `target`: some of every depth, all of the depths that have few. */
async function copyRealTree(target: string): Promise<{ files: number; bytes: number; depths: number }> {
  const source = join(projectDir, 'node_modules');
  const entries = await readdir(source, { recursive: true, withFileTypes: true });
  const byDepth = new Map<number, string[]>();
  for (const entry of entries) {
    if (entry.isFile()) {
      const path = join(entry.parentPath ?? entry.path, entry.name).slice(source.length + 1);
      const depth = path.split(sep).length;
      byDepth.set(depth, [...(byDepth.get(depth) ?? []), path]);
    }
  }
  const chosen = evenly([...byDepth.values()].map((paths) => paths.sort()));
  let [files, bytes] = [0, 0];
  for (const path of chosen) {
    const { size } = await stat(join(source, path));
    if (size <= MAX_FILE_BYTES && files < FILES) {
      await mkdir(dirname(join(target, path)), { recursive: true });
      await cp(join(source, path), join(target, path), { preserveTimestamps: true });
      files += 1;
      bytes += size;
    }
  }
  return { files, bytes, depths: byDepth.size };
}

/** One of each list in turn, until all are empty. */
function* evenly(lists: readonly string[][]): Iterable<string> {
  const longest = Math.max(...lists.map((list) => list.length));
  for (let i = 0; i < longest; i += 1) {
    for (const list of lists) {
      const path = list[i];
      if (path !== undefined) {
        yield path;
      }
    }
  }
}

/** Runs rclone against the server, `dav:` being its root; gives its output, or else its messages. Fails where rclone fails. */
async function rclone(server: ServerProcess, ...args: readonly string[]): Promise<string> {
  const env = {
    PATH: process.env['PATH'],
    HOME: server.home,
    RCLONE_CONFIG: join(server.home, 'rclone.conf'),
    RCLONE_CONFIG_DAV_TYPE: 'webdav',
    RCLONE_CONFIG_DAV_URL: server.url,
    RCLONE_CONFIG_DAV_VENDOR: 'other',
  };
  const options = ['--transfers', '8', '--checkers', '8', '--retries', '1', '--low-level-retries', '1'];
  return new Promise((resolve, reject) => {
    execFile('rclone', [...options, ...args], { env, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      const end = stderr.split('\n').slice(-20).join('\n');
      if (error) {
        reject(new Error(`rclone ${args[0]} failed: ${end}`));
      } else {
        resolve(stdout || stderr);
      }
    });
  });
}

/** Every file is there with its bytes, and nothing else. */
async function compare(server: ServerProcess, local: string, remote: string, files: number): Promise<void> {
  const said = await rclone(server, 'check', '--download', local, remote);
  assert.match(said, /: 0 differences found/);
  assert.match(said, new RegExp(`: ${files} matching files`));
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

describe('rclone with a tree of real files', { skip: rcloneSkip() }, () => {
  for (const grid of [embeddedGrid, realGrid]) {
    const options = { skip: grid.skip, timeout: 40 * 60_000 };
    test(`copies, compares, moves and removes it on ${grid.name}`, options, async (t) => {
      await using folder = await temporaryFolder();
      await using running = await grid.start();
      const args = await running.newRoot(folder.path);
      await using server = await startServer({ args });
      await using client = new DavClient(server.url);
      const local = folder.file('tree');
      const { files, bytes, depths } = await copyRealTree(local);
      assert.ok(files >= 2_000 && files < 3_000 && depths >= 6, `${files} files, ${depths} depths`);
      t.diagnostic(`${files} files, ${bytes} bytes, ${depths} depths`);
      const step = async (name: string, work: () => Promise<unknown>): Promise<void> => {
        const took = await seconds(work);
        t.diagnostic(`${name}: ${took.toFixed(1)} s, ${(files / took).toFixed(0)} files/s`);
      };

      await step('copy', () => rclone(server, 'copy', local, 'dav:tree'));
      await step('check --download', () => compare(server, local, 'dav:tree', files));
      await step('flush', () => server.flush());
      if (running.nodeUrl !== undefined) {
        await using other = await startServer({ args, writeMode: 'through' });
        await step('check --download from the grid', () => compare(other, local, 'dav:tree', files));
      }
      await step('move of the tree', () => rclone(server, 'move', 'dav:tree', 'dav:a/moved tree'));
      assert.deepEqual(await client.list('/'), ['/a/']);
      await step('check --download', () => compare(server, local, 'dav:a/moved tree', files));

      // Into a directory that is there rclone moves file by file.
      await rclone(server, 'copy', '--include', '/webdav-server/**', 'dav:a/moved tree', 'dav:b');
      await step('purge of the tree', () => rclone(server, 'purge', 'dav:a'));
      await rclone(server, 'mkdir', 'dav:c');
      const part = join(local, 'webdav-server');
      const partFiles = (await rclone(server, 'lsf', '-R', '--files-only', 'dav:b'))
        .trim()
        .split('\n').length;
      const took = await seconds(() =>
        rclone(server, 'move', '--delete-empty-src-dirs', 'dav:b/webdav-server', 'dav:c'),
      );
      t.diagnostic(`move of ${partFiles} files one by one: ${took.toFixed(1)} s`);
      await compare(server, part, 'dav:c', partFiles);
      assert.deepEqual(await client.list('/b/webdav-server/'), []);

      await rclone(server, 'purge', 'dav:b');
      await rclone(server, 'purge', 'dav:c');
      assert.deepEqual(await client.list('/'), []);
      await step('flush', () => server.flush());
      t.diagnostic(`peak memory of the server: ${Math.round((await server.peakBytes()) / 2 ** 20)} MiB`);
      assert.doesNotMatch(server.stderr(), / (error|fatal): /);
    });
  }
});

/** Debian's rclone, and today's where its path is given: that one meets the wishes too, such as times set afterwards. */
const binaries = [
  { name: 'rclone', env: { RCLONE: 'rclone' } },
  ...[process.env['CURRENT_RCLONE'] ?? '']
    .filter((path) => path !== '')
    .map((path) => ({ name: 'a current rclone', env: { RCLONE: path, DAV_STRICT: '1' } })),
];

describe("rclone's webdav backend", { skip: rcloneSkip() }, () => {
  for (const grid of [embeddedGrid, realGrid]) {
    for (const { name, env } of binaries) {
      const options = { skip: grid.skip, timeout: 40 * 60_000 };
      test(`does all that a user does with ${name} on ${grid.name}`, options, async (t) => {
        await using folder = await temporaryFolder();
        await using running = await grid.start();
        await using server = await startServer({ args: await running.newRoot(folder.path) });
        const { output, verdict } = await runClient('rclone.sh', server.url, [], env);
        for (const line of output.split('\n').filter((text) => text.startsWith('wish '))) {
          t.diagnostic(line);
        }
        t.diagnostic(verdict);
        assert.match(verdict, /^PASS \d{2,} FAIL 0$/, output);
        await server.flush();
        assert.doesNotMatch(server.stderr(), / (error|fatal): /);
      });
    }
  }
});
