import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { after, before, beforeEach, describe, test } from 'node:test';
import { hasCode } from '../../src/base/errors.ts';
import { createLogger } from '../../src/base/log.ts';
import { parsePath } from '../../src/base/path.ts';
import { ControlClient } from '../../src/cli/control-client.ts';
import { discard } from '../../src/cli/discard.ts';
import { flush } from '../../src/cli/flush.ts';
import { recover } from '../../src/cli/recover.ts';
import { RemoteSync } from '../../src/cli/remote-sync.ts';
import { retry } from '../../src/cli/retry.ts';
import { runningServers } from '../../src/cli/running-servers.ts';
import { status } from '../../src/cli/status.ts';
import type { SyncTask } from '../../src/cli/sync-task.ts';
import { trashList, trashPurge, trashRestore } from '../../src/cli/trash.ts';
import { type RunningControl, startControl } from '../../src/http/control.ts';
import type { SyncControl } from '../../src/sync/sync-control.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { MemoryCache } from '../fakes/memory-cache.ts';
import { MemorySync } from '../fakes/memory-sync.ts';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';

const ESCAPE = '\u001b[31mred';
// Of the form of a real one, and nobody's.
const CAP = 'URI:DIR2:aaaaaaaaaaaaaaaaaaaaaaaaaa:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb';
const NOW = new ManualClock().now();

let folder: TemporaryFolder;
let running: RunningControl;
let sync: MemorySync;
let socketPath: string;

// One server for all; what it controls is fresh for each test.
const current: SyncControl = new Proxy({} as SyncControl, {
  get: (_target, name) => {
    const method: unknown = Reflect.get(sync, name);
    return typeof method === 'function' ? method.bind(sync) : method;
  },
});

before(async () => {
  folder = await temporaryFolder();
  const root = join(folder.path, 'abcdefghijklmnopqrstuvwxyz');
  await mkdir(root);
  running = await startControl({
    folder: root,
    runtimeDir: undefined,
    cache: new MemoryCache([]),
    sync: current,
    log: createLogger('silent', 'text', () => {}),
    clock: new ManualClock(),
  });
  socketPath = (await runningServers(folder.path))[0]?.socketPath ?? '';
});
after(async () => {
  await running.stop();
  await folder[Symbol.asyncDispose]();
});
beforeEach(() => {
  sync = busy();
});

function busy(): MemorySync {
  return new MemorySync(
    [
      ['/up', { state: 'uploading', sizeBytes: 4_000, sentBytes: 1_000, sinceMs: NOW - 65_000 }],
      ['/again', { state: 'retrying', tries: 2, error: 'the node is away', nextTryAtMs: NOW + 12_000 }],
      [
        '/stuck/',
        { state: 'parked', wants: 'directory', tries: 1, error: `not with ${CAP}`, sizeBytes: undefined },
      ],
      [`/${ESCAPE}`, { state: 'linking', wants: 'nothing', sizeBytes: undefined }],
      ['/later/a'],
      ['/later/b'],
    ],
    NOW,
  );
}

/** Takes what is drawn. */
class Screen extends Writable {
  readonly isTTY = true;
  readonly rows = 12;
  text = '';

  override _write(piece: Buffer, _encoding: string, done: () => void): void {
    this.text += piece.toString();
    done();
  }
}

interface Ran {
  readonly code: number;
  readonly out: readonly string[];
  readonly err: readonly string[];
}

type How = Partial<Omit<SyncTask, 'paths' | 'signal'>> & {
  readonly paths?: readonly string[];
  readonly screen?: Screen;
  readonly terminal?: Screen;
  /** Ctrl-C. */
  readonly controller?: AbortController;
  readonly onLine?: (text: string) => void;
};

async function run(command: (task: SyncTask) => Promise<number>, how: How = {}): Promise<Ran> {
  const [out, err]: [string[], string[]] = [[], []];
  const { paths = [], screen, terminal, controller = new AbortController(), onLine, ...task } = how;
  const code = await command({
    sync: new RemoteSync(new ControlClient(socketPath, controller.signal)),
    paths: paths.map(parsePath),
    ids: [],
    rootId: '',
    isJson: false,
    isAll: false,
    isWatching: false,
    isWaiting: false,
    keepsCopy: true,
    olderThanMs: 0,
    isConfirmed: false,
    clock: new ManualClock(),
    signal: controller.signal,
    ask: undefined,
    output: {
      line: (text) => {
        out.push(text);
        onLine?.(text);
      },
      complain: (text) => err.push(text),
      log: () => {},
      terminal,
      screen,
      isRead: () => true,
    },
    ...task,
  });
  return { code, out, err };
}

function json({ out }: Ran): Array<Record<string, unknown>> {
  return out.map((line) => JSON.parse(line));
}

describe('status', () => {
  test('says first whether the machine may be switched off, or lost, and shows what needs somebody', async () => {
    const { code, out, err } = await run(status);
    assert.deepEqual([code, err], [4, []]);
    assert.deepEqual(out, [
      'safe to switch off: yes',
      'everything on the grid: no',
      'grid             answers',
      'write mode       back',
      'not on the grid  6 changes, 6.8 KiB (at most 5.0 GiB)',
      'oldest           1 min 5 s',
      'being sent       1',
      'parked           1 (each needs a decision: retry or discard)',
      'conflicts        0',
      '',
      'STATE      SENT        SIZE  PATH',
      'uploading   25%     3.9 KiB  /up',
      'retrying             1000 B  /again  (failed 2 times, again in 12 s: the node is away)',
      'parked                       /stuck/  (failed 1 time: not with [secret])',
      'linking                      /\\u001b[31mred  (to be removed)',
    ]);
  });

  test('exits with 0 where the grid has everything', async () => {
    sync = new MemorySync();
    const { code, out } = await run(status);
    assert.equal(code, 0);
    assert.deepEqual(out.slice(0, 2), ['safe to switch off: yes', 'everything on the grid: yes']);
  });

  test('tells of a grid that is away and of writes that are refused', async () => {
    sync.more = {
      isGridUp: false,
      gridError: `no ${CAP}`,
      writeRefusal: 'recover first',
      maxDirtyBytes: undefined,
    };
    const { out } = await run(status);
    assert.match(out.join('\n'), /^grid +the grid is away: no \[secret\]$/m);
    assert.match(out.join('\n'), /^writes +refused: recover first$/m);
    assert.match(out.join('\n'), /6\.8 KiB \(no limit\)$/m);
  });

  test('shows a bounded list, and with --all every change', async () => {
    const many = Array.from({ length: 25 }, (_, index): [string, object] => [
      `/f${index}`,
      { state: 'parked' },
    ]);
    sync = new MemorySync([...many, ['/waits']], NOW);
    const some = await run(status);
    assert.equal(some.out.filter((line) => line.startsWith('parked  ') && line.includes('/f')).length, 20);
    assert.equal(some.out.at(-1), '... and more: --all shows every one');
    const { out } = await run(status, { isAll: true });
    assert.equal(out.filter((line) => / \/(f\d+|waits)$/.test(line)).length, 26);
    assert.match(out.at(-1) ?? '', /^waiting .* \/waits$/);
  });

  test('judges a path by what waits there', async () => {
    const later = await run(status, { paths: ['/later'] });
    assert.equal(later.code, 4);
    assert.equal(later.out.at(-1), 'at or below /later: 2 changes, 2.0 KiB not on the grid yet');
    const stuck = await run(status, { paths: ['/stuck'] });
    assert.match(stuck.out.join('\n'), /^at or below \/stuck: 1 change not on the grid yet, 1 parked$/m);
    const clean = await run(status, { paths: ['/elsewhere'] });
    assert.deepEqual(
      [clean.code, clean.out.at(-1)],
      [0, 'at or below /elsewhere: everything is on the grid'],
    );
  });

  test('gives one document with --json, what is unknown as null', async () => {
    const [document] = json(await run(status, { isJson: true, paths: ['/stuck'] }));
    const { items, ...rest } = document ?? {};
    assert.deepEqual(rest, {
      ...(await sync.status()),
      gridError: null,
      writeRefusal: null,
      below: { path: '/stuck', edits: 1, parked: 1, dirtyBytes: 0 },
      hasMoreItems: false,
    });
    assert.deepEqual(items, [
      {
        path: '/stuck',
        wants: 'directory',
        state: 'parked',
        sizeBytes: null,
        sentBytes: null,
        tries: 1,
        error: 'not with [secret]',
        sinceMs: NOW - 5_000,
        nextTryAtMs: null,
      },
    ]);
    const [whole] = json(await run(status, { isJson: true }));
    assert.equal(whole?.['below'], null);
    assert.ok(JSON.stringify(whole).includes('/\\u001b[31mred'));
  });
});

describe('status --watch', () => {
  /** Runs until `seconds` have passed; `each` is called before each of them. */
  async function watch(how: How, seconds: number, each: (second: number) => void): Promise<Ran> {
    const [clock, controller] = [new ManualClock(), new AbortController()];
    const ran = run(status, { ...how, isWatching: true, clock, controller });
    for (let second = 0; second < seconds; second += 1) {
      while (clock.waiting === 0) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      each(second);
      await clock.advance(1_000);
    }
    while (clock.waiting === 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    controller.abort();
    return await ran;
  }

  test('prints a line when it has changed, and ends at Ctrl-C with 0', async () => {
    const { code, out } = await watch({}, 4, (second) => {
      if (second === 1) {
        sync = new MemorySync();
      } else if (second === 3) {
        sync.more = { isGridUp: false };
      }
    });
    assert.equal(code, 0);
    assert.deepEqual(out, [
      '6 changes, 6.8 KiB not on the grid yet, 1 parked, oldest 1 min 5 s, 1 being sent',
      'everything is on the grid',
      'everything is on the grid, the grid is away',
    ]);
  });

  test('gives a document a line with --json', async () => {
    const ran = await watch({ isJson: true, screen: new Screen() }, 2, () => {
      sync = new MemorySync();
    });
    assert.deepEqual(
      json(ran).map(({ isSynced }) => isSynced),
      [false, true],
    );
  });

  test('draws on a terminal again and again, and leaves what it showed last', async () => {
    const screen = new Screen();
    const { code, out } = await watch({ screen }, 1, () => {
      sync = new MemorySync();
    });
    assert.equal(code, 0);
    const pages = screen.text.split('\u001b[H');
    assert.deepEqual([pages.length, pages[0]], [3, '\u001b[?1049h\u001b[?7l']);
    assert.match(pages[1] ?? '', /^safe to switch off: yes\u001b\[K\r\neverything on the grid: no/);
    assert.equal(pages[1]?.split('\r\n').length, screen.rows);
    assert.match(pages[2] ?? '', /everything on the grid: yes.*Ctrl-C ends this/s);
    assert.match(screen.text, /\u001b\[J\u001b\[\?7h\u001b\[\?1049l$/);
    assert.equal(out[1], 'everything on the grid: yes');
  });
});

describe('flush', () => {
  test('asks and returns, with 4 while something waits', async () => {
    const { code, out, err } = await run(flush);
    assert.deepEqual(
      [code, out],
      [4, ['5 changes, 6.8 KiB on the way to the grid now; --wait waits for the end']],
    );
    assert.deepEqual(err, ['parked: /stuck: not with [secret]']);
    assert.deepEqual(sync.calls, ['flush ']);
  });

  test('exits with 0 where nothing waits', async () => {
    const { code, out } = await run(flush, { paths: ['/elsewhere'] });
    assert.deepEqual([code, out], [0, ['everything at or below the paths is on the grid']]);
  });

  test('exits with 4 where only parked changes are left', async () => {
    const { code, out } = await run(flush, { paths: ['/stuck'] });
    assert.deepEqual([code, out], [4, ['1 change parked: retry or discard']]);
  });

  test('waits until the grid has it', async () => {
    const { code, out, err } = await run(flush, { paths: ['/later', '/up'], isWaiting: true });
    assert.deepEqual([code, out, err], [0, ['everything at or below the paths is on the grid'], []]);
    assert.equal((await sync.status()).edits, 3);
  });

  test('tells what is tried again, and exits with 4 for parked changes', async () => {
    const { code, out, err } = await run(flush, { isWaiting: true });
    assert.equal(code, 4);
    assert.deepEqual(out, ['5 of 6 changes on the grid, 6.8 KiB sent; 1 change parked: retry or discard']);
    assert.deepEqual(err, ['trying again: the node is away', 'parked: /stuck: not with [secret]']);
  });

  test('exits with 4 when it is interrupted', async () => {
    sync.reportsUntilWait = 2;
    const controller = new AbortController();
    const ran = run(flush, {
      isWaiting: true,
      isJson: true,
      controller,
      onLine: (line) => {
        if (line.includes('"doneEdits":1')) {
          controller.abort();
        }
      },
    });
    assert.equal((await ran).code, 4);
    sync = busy();
    sync.reportsUntilWait = 1;
    const second = new AbortController();
    const told = run(flush, { isWaiting: true, controller: second });
    while (sync.calls.length === 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    second.abort();
    const { code, out } = await told;
    assert.equal(code, 4);
    assert.match(out.join(), /^interrupted: 0 of 6 changes on the grid, 0 B sent; the server goes on/);
  });

  test('shows a bar on a terminal', async () => {
    const terminal = new Screen();
    await run(flush, { isWaiting: true, paths: ['/later'], terminal });
    assert.match(terminal.text, /sent .*100%, 2\.0 KiB of 2\.0 KiB, 2 of 2 changes/);
  });

  test('gives a document a report with --json', async () => {
    const ran = await run(flush, { isWaiting: true, isJson: true, paths: ['/stuck', '/again'] });
    const counts = { totalEdits: 2, totalBytes: 1_000 };
    const parked = [{ path: '/stuck', reason: 'not with [secret]' }];
    assert.deepEqual(json(ran), [
      { ...counts, parked, doneEdits: 0, doneBytes: 0, error: 'the node is away', isDone: false },
      { ...counts, parked, doneEdits: 1, doneBytes: 1_000, error: null, isDone: true },
    ]);
    assert.deepEqual([ran.code, ran.err], [4, []]);
    assert.equal(json(await run(flush, { isJson: true })).length, 1);
  });
});

describe('retry', () => {
  test('says how many are tried again', async () => {
    assert.deepEqual(await run(retry), { code: 0, out: ['trying 2 changes again now'], err: [] });
    assert.deepEqual((await run(retry, { paths: ['/later'] })).out, ['nothing has failed']);
    assert.deepEqual(json(await run(retry, { paths: ['/stuck'], isJson: true })), [{ retried: 1 }]);
    assert.equal((await sync.status()).parked, 0);
  });
});

describe('discard', () => {
  test('shows what is given up and asks', async () => {
    const asked: string[] = [];
    const ask = async (question: string): Promise<boolean> => {
      asked.push(question);
      return asked.length > 1;
    };
    const paths = ['/later', '/stuck'];
    const no = await run(discard, { paths, ask });
    assert.deepEqual([no.code, no.out, no.err.at(-1)], [1, [], 'nothing was given up']);
    assert.equal((await sync.status()).edits, 6);
    const yes = await run(discard, { paths, ask });
    assert.deepEqual([yes.code, yes.out], [0, ['gave up 3 changes; what they held is in the trash']]);
    assert.equal(yes.err.length, 4);
    assert.match(yes.err[1] ?? '', / \/later\/a$/);
    assert.equal(asked[0], 'Give up 3 changes, 2.0 KiB, to the trash?');
    assert.equal((await sync.status()).edits, 3);
  });

  test('needs --yes where nobody can be asked', async () => {
    await assert.rejects(run(discard, { paths: ['/later'] }), (error) => {
      return hasCode(error, 'bad-config') && /--yes/.test(error.hint ?? '');
    });
    const { code, out, err } = await run(discard, { paths: ['/later'], isConfirmed: true });
    assert.deepEqual([code, out, err], [0, ['gave up 2 changes; what they held is in the trash'], []]);
  });

  test('keeps no copy with --no-keep', async () => {
    const ran = await run(discard, { paths: ['/up'], isConfirmed: true, keepsCopy: false });
    assert.deepEqual(ran.out, ['gave up 1 change; what they held is lost']);
    assert.deepEqual((await run(trashList)).out, ['the trash is empty']);
  });

  test('asks nothing where nothing waits', async () => {
    const ask = (): Promise<boolean> => assert.fail('asked');
    assert.deepEqual((await run(discard, { paths: ['/x'], ask })).out, [
      'nothing waits at or below the paths',
    ]);
    assert.deepEqual(json(await run(discard, { paths: ['/x'], ask, isJson: true })), [{ discarded: 0 }]);
  });

  test('bounds what it shows', async () => {
    sync = new MemorySync(Array.from({ length: 30 }, (_, index) => [`/f${index}`]));
    const { err } = await run(discard, { paths: ['/'], ask: async () => true });
    assert.deepEqual([err.length, err.at(-1)], [22, '... and 10 more']);
  });
});

describe('recover', () => {
  test('says where it put what, and exits with 5 where damage is left', async () => {
    sync.lost = [1_000, 3_000];
    const whole = await run(recover);
    assert.deepEqual(whole, {
      code: 0,
      out: ['recovered 2 files, 3.9 KiB in /recovered 2024-01-02'],
      err: [],
    });
    sync.damaged = 2;
    const { code, out } = await run(recover);
    assert.equal(code, 5);
    assert.deepEqual(out, [
      'recovered 2 files, 3.9 KiB in /recovered 2024-01-02; 2 files are damaged and stay where they are',
    ]);
  });

  test('says that there is nothing', async () => {
    assert.deepEqual(await run(recover), { code: 0, out: ['there is nothing to recover'], err: [] });
  });

  test('gives a document a report with --json, and 1 when it is interrupted', async () => {
    sync.lost = [1_000, 3_000];
    sync.reportsUntilWait = 1;
    const controller = new AbortController();
    const ran = await run(recover, { isJson: true, controller, onLine: () => controller.abort() });
    assert.equal(ran.code, 1);
    assert.deepEqual(json(ran), [
      { recovered: 1, recoveredBytes: 1_000, damaged: 0, path: '/recovered 2024-01-02', isDone: false },
    ]);
  });
});

describe('trash', () => {
  const DAY_MS = 86_400_000;
  beforeEach(() => {
    sync = new MemorySync([], NOW);
    sync.throwAway(
      { path: `/${ESCAPE}`, removedAtMs: NOW - 10 * DAY_MS },
      { path: '/d', kind: 'directory', sizeBytes: undefined, cause: 'replaced', isLocalOnly: true },
    );
  });

  test('lists what can be restored', async () => {
    const { code, out } = await run(trashList);
    assert.equal(code, 0);
    assert.equal(out[0], 'ID            REMOVED           CAUSE            SIZE  PATH');
    assert.match(out[1] ?? '', /^id0 {11}2023-12-2\d \d\d:\d\d {2}deleted {8}1000 B {2}\/\\u001b\[31mred$/);
    assert.match(out[2] ?? '', /^id1 .* replaced .* \/d\/ {2}\(was never on the grid\)$/);
    const [entry] = json(await run(trashList, { isJson: true }));
    assert.deepEqual(entry, {
      id: 'id0',
      path: `/${ESCAPE}`,
      kind: 'file',
      sizeBytes: 1_000,
      removedAtMs: NOW - 10 * DAY_MS,
      cause: 'deleted',
      isLocalOnly: false,
    });
  });

  test('restores by id, tells which are none, and goes on', async () => {
    const { code, out, err } = await run(trashRestore, { ids: [ESCAPE, 'id1'] });
    assert.deepEqual([code, out], [1, ['restored /d']]);
    assert.deepEqual(err, ['\\u001b[31mred: nothing of that id is in the trash']);
    const ran = await run(trashRestore, { ids: ['id0'], isJson: true });
    assert.deepEqual([ran.code, json(ran)], [0, [{ id: 'id0', path: `/${ESCAPE}` }]]);
  });

  test('forgets what is old enough, once it was asked', async () => {
    const asked: string[] = [];
    const ask = async (question: string): Promise<boolean> => asked.push(question) > 1;
    const how = { olderThanMs: 7 * DAY_MS, ask };
    assert.deepEqual(await run(trashPurge, how), { code: 1, out: [], err: ['nothing was forgotten'] });
    assert.deepEqual((await run(trashPurge, how)).out, ['forgot 1 entry']);
    assert.equal(asked[0], 'Forget 1 entry of the trash, 1000 B, for good?');
    assert.deepEqual(json(await run(trashPurge, { isConfirmed: true, isJson: true })), [{ forgotten: 1 }]);
    assert.deepEqual((await run(trashPurge, { ask: () => assert.fail('asked') })).out, ['forgot 0 entries']);
    await assert.rejects(run(trashPurge), (error) => hasCode(error, 'bad-config'));
  });
});
