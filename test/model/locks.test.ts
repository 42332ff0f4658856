// Random requests of several principals, and of several programs of one, against the server and against the model of
// RFC 4918's lock rules: every answer must be one that the model allows, and after each the files and the locks on every
// path must be the same. Once through the lock table and the changes alone, once over HTTP. A failure names its seed.
// SLOW=1 plays many more.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FsError } from '../../src/base/errors.ts';
import type { ChangeOptions } from '../../src/inode/tree.ts';
import { Changes, type Target, UnderWay } from '../../src/webdav/changes.ts';
import type { LockRequest } from '../../src/webdav/lock-set.ts';
import type { LockTable } from '../../src/webdav/locks.ts';
import { httpStatus } from '../../src/webdav/status.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { MapMetaStore } from '../fakes/map-meta-store.ts';
import { MemoryTree } from '../fakes/memory-tree.ts';
import { openLocks } from '../fakes/open-locks.ts';
import { startServer, type TestServer } from '../webdav/test-server.ts';
import { LockModel, type LockScope, type Sender } from './lock-model.ts';

const FACTOR = process.env['SLOW'] ? 20 : 1;
const PATHS = ['/a', '/a/b', '/a/b/f', '/a/b/g', '/a/h', '/c', '/c/f', '/k'];
const TIMEOUTS_MS = [30_000, 60_000, 600_000];

interface Wish {
  readonly what:
    | 'put'
    | 'mkcol'
    | 'delete'
    | 'move'
    | 'copy'
    | 'lock'
    | 'refresh'
    | 'unlock'
    | 'wait'
    | 'restart';
  readonly path: string;
  readonly to: string;
  readonly principal: string;
  readonly overwrites: boolean;
  readonly isStrict: boolean;
  readonly scope: LockScope;
  readonly isDeep: boolean;
  readonly timeoutMs: number;
  /** It is about the root of the lock whose token is named first. */
  readonly isAtLock: boolean;
  /** Which of the tokens ever seen are named, from the newest on. */
  readonly named: readonly number[];
}

function wishes(principals: readonly string[]): fc.Arbitrary<Wish[]> {
  const path = fc.constantFrom(...PATHS);
  const rarely = fc.nat({ max: 3 }).map((number) => number === 0);
  const wish: fc.Arbitrary<Wish> = fc.record({
    what: fc.oneof(
      { weight: 6, arbitrary: fc.constant('lock' as const) },
      { weight: 3, arbitrary: fc.constantFrom('put' as const, 'mkcol' as const) },
      { weight: 2, arbitrary: fc.constantFrom('copy' as const, 'delete' as const) },
      { weight: 2, arbitrary: fc.constant('move' as const) },
      { weight: 2, arbitrary: fc.constantFrom('refresh' as const, 'unlock' as const) },
      { weight: 1, arbitrary: fc.constantFrom('wait' as const, 'restart' as const) },
    ),
    path: fc.oneof({ weight: 12, arbitrary: path }, { weight: 1, arbitrary: fc.constant('') }),
    to: path,
    principal: fc.constantFrom(...principals),
    overwrites: fc.boolean(),
    isStrict: rarely,
    scope: fc.constantFrom('exclusive' as const, 'shared' as const),
    isDeep: rarely,
    isAtLock: fc.boolean(),
    timeoutMs: fc.constantFrom(...TIMEOUTS_MS),
    named: fc.uniqueArray(fc.nat({ max: 5 }), { maxLength: 4 }),
  });
  return fc.array(wish, { minLength: 1, maxLength: 60, size: 'max' });
}

interface Answer {
  readonly status: number;
  /** Of the lock that was granted. */
  readonly token?: string | undefined;
}

/** What is under test. */
interface Subject {
  readonly table: LockTable;
  ask(wish: Wish, sender: Sender, token: string | undefined): Promise<Answer>;
  restart(): Promise<void>;
}

/** The lock table and the changes, without requests. */
class TableSubject implements Subject {
  table: LockTable;
  readonly #store: MapMetaStore;
  readonly #clock: ManualClock;
  readonly #tree: MemoryTree;
  #changes: Changes;

  constructor(table: LockTable, store: MapMetaStore, clock: ManualClock, tree: MemoryTree) {
    this.table = table;
    this.#store = store;
    this.#clock = clock;
    this.#tree = tree;
    this.#changes = new Changes(table, (path) => tree.trace(path), new UnderWay());
  }

  async restart(): Promise<void> {
    this.table = await openLocks(this.#store, this.#clock);
    this.#changes = new Changes(this.table, (path) => this.#tree.trace(path), new UnderWay());
  }

  async ask(wish: Wish, sender: Sender, token: string | undefined): Promise<Answer> {
    try {
      return await this.#ask(wish, sender, token);
    } catch (error) {
      assert.ok(error instanceof FsError, String(error));
      return { status: httpStatus(error.code) };
    }
  }

  async #ask(wish: Wish, sender: Sender, token: string | undefined): Promise<Answer> {
    const path = namesOf(wish.path);
    const to = namesOf(wish.to);
    const tree = this.#tree;
    const transfer = { overwrite: wish.overwrites };
    switch (wish.what) {
      case 'put':
        return await this.#change([{ path, fate: 'written' }], sender, 204, (options) =>
          tree.write(path, Readable.from([]), options),
        );
      case 'mkcol':
        try {
          return await this.#change([{ path, fate: 'written' }], sender, 201, (options) =>
            tree.makeDirectory(path, options),
          );
        } catch (error) {
          return error instanceof FsError && error.code === 'exists'
            ? { status: 405 }
            : Promise.reject(error);
        }
      case 'delete':
        return await this.#change([{ path, fate: 'vacated' }], sender, 204, async (options) => {
          await tree.remove(path, options);
          return { isNew: false };
        });
      case 'move':
        return await this.#change(
          [
            { path, fate: 'vacated' },
            { path: to, fate: 'replaced' },
          ],
          sender,
          204,
          (options) => tree.move(path, to, { ...transfer, ...options }),
        );
      case 'copy':
        return await this.#change([{ path: to, fate: 'replaced' }], sender, 204, (options) =>
          tree.copy(path, to, { ...transfer, ...options }),
        );
      case 'lock':
        return await this.#lock(wish, sender);
      case 'refresh':
        return await this.#refresh(wish, sender);
      default:
        return await this.#unlock(wish, sender, token);
    }
  }

  async #change(
    targets: readonly Target[],
    sender: Sender,
    done: number,
    make: (options: ChangeOptions) => Promise<{ readonly isNew: boolean }>,
    ownToken = '',
  ): Promise<Answer> {
    const leave = { principal: sender.principal, tokens: new Set([...sender.tokens, ownToken]) };
    const refuse = (): Error => new FsError('locked', 'locked');
    using change = await this.#changes.begin(targets, leave, refuse, new AbortController().signal);
    const { isNew } = await make({
      guard: (current) => change.check(current === undefined),
      lastWord: change.admit,
    });
    await change.dropLocks();
    return { status: isNew ? 201 : done };
  }

  async #lock(wish: Wish, sender: Sender): Promise<Answer> {
    const path = namesOf(wish.path);
    const steps = await this.#tree.trace(path);
    const request: LockRequest = {
      principal: sender.principal,
      scope: wish.scope,
      depth: wish.isDeep ? 'infinity' : 0,
      owner: '',
      rootNames: path,
      isCollection: false,
      steps,
      timeoutMs: wish.timeoutMs,
    };
    const covering = this.table.standing.covering(steps);
    const conflicts = this.table.standing.conflicts(request);
    if (conflicts.length > 0) {
      return { status: conflicts.some((lock) => covering.has(lock)) ? 423 : 207 };
    }
    const lock = this.table.claim(request);
    let status = 200;
    if (!this.#tree.has(path)) {
      try {
        await this.#change(
          [{ path, fate: 'written' }],
          sender,
          204,
          (options) => this.#tree.write(path, Readable.from([]), options),
          lock.token,
        );
        status = 201;
      } catch (error) {
        this.table.withdraw(lock);
        throw error;
      }
    }
    await this.table.confirm(lock);
    return { status, token: lock.token };
  }

  async #refresh(wish: Wish, sender: Sender): Promise<Answer> {
    const covering = this.table.standing.covering(await this.#tree.trace(namesOf(wish.path)));
    const named = sender.tokens
      .flatMap((each) => this.table.standing.get(each) ?? [])
      .filter((each) => covering.has(each));
    const own = named.find(({ principal }) => principal === sender.principal);
    if (own === undefined) {
      return { status: named.length > 0 ? 403 : sender.tokens.length > 0 ? 412 : 400 };
    }
    await this.table.refresh(own, own.timeoutMs);
    return { status: 200 };
  }

  async #unlock(wish: Wish, sender: Sender, token: string | undefined): Promise<Answer> {
    const covering = this.table.standing.covering(await this.#tree.trace(namesOf(wish.path)));
    const lock = this.table.standing.get(token ?? '');
    if (lock === undefined || !covering.has(lock)) {
      return { status: 409 };
    }
    if (lock.principal !== sender.principal) {
      return { status: 403 };
    }
    assert.ok(await this.table.release(lock));
    return { status: 204 };
  }
}

class HttpSubject implements Subject {
  readonly table: LockTable;
  readonly #server: TestServer;

  constructor(table: LockTable, server: TestServer) {
    this.table = table;
    this.#server = server;
  }

  async restart(): Promise<void> {}

  async ask(wish: Wish, sender: Sender, token: string | undefined): Promise<Answer> {
    const url = wish.path === '' ? '/' : wish.path;
    const condition = ifHeader(sender);
    const headers = { 'X-Test-User': sender.principal, ...(condition === '' ? {} : { If: condition }) };
    const overwrite = wish.overwrites ? 'T' : 'F';
    const scope = `<lockscope><${wish.scope}/></lockscope>`;
    const answer = await this.#server.request(methods[wish.what], url, {
      headers: {
        ...headers,
        ...(['move', 'copy'].includes(wish.what) ? { Destination: wish.to, Overwrite: overwrite } : {}),
        ...(wish.what === 'unlock' ? { 'Lock-Token': `<${token ?? 'urn:x'}>` } : {}),
        ...(wish.what === 'lock' ? { Timeout: `Second-${wish.timeoutMs / 1000}` } : {}),
        ...(wish.what === 'lock' ? { Depth: wish.isDeep ? 'infinity' : '0' } : {}),
      },
      ...(wish.what === 'lock'
        ? { body: `<lockinfo xmlns="DAV:">${scope}<locktype><write/></locktype></lockinfo>` }
        : {}),
    });
    const header = answer.headers['lock-token'];
    return { status: answer.status, token: typeof header === 'string' ? header.slice(1, -1) : undefined };
  }
}

const methods: Readonly<Record<Wish['what'], string>> = {
  put: 'PUT',
  mkcol: 'MKCOL',
  delete: 'DELETE',
  move: 'MOVE',
  copy: 'COPY',
  lock: 'LOCK',
  refresh: 'LOCK',
  unlock: 'UNLOCK',
  wait: '',
  restart: '',
};

/** Names the tokens; as conditions, or beside one that always holds. */
function ifHeader({ tokens, isStrict }: Sender): string {
  const lists = tokens.map((token) => `(<${token}>)`);
  return [...lists, ...(isStrict || tokens.length === 0 ? [] : ['(Not <DAV:no-lock>)'])].join(' ');
}

function namesOf(path: string): readonly string[] {
  return path.split('/').slice(1);
}

/** What the model says of it; a lock that is granted is added by the caller. */
function forecast(
  model: LockModel,
  wish: Wish,
  sender: Sender,
  token: string | undefined,
): ReadonlySet<number> {
  switch (wish.what) {
    case 'put':
      return model.put(wish.path, sender);
    case 'mkcol':
      return model.makeCollection(wish.path, sender);
    case 'delete':
      return model.remove(wish.path, sender);
    case 'move':
    case 'copy':
      return model.transfer(wish.path, wish.to, sender, wish.what === 'move', wish.overwrites);
    case 'lock':
      return model.lock(wish.path, wish.scope, wish.isDeep, sender);
    case 'refresh':
      return model.refresh(wish.path, sender);
    default:
      return model.unlock(wish.path, token ?? '', sender.principal);
  }
}

/** How often each answer came: a test that hardly ever grants a lock would test nothing. */
type Tally = Map<string, number>;

async function play(
  all: readonly Wish[],
  subject: Subject,
  tree: MemoryTree,
  clock: ManualClock,
  tally: Tally,
): Promise<void> {
  const model = new LockModel();
  for (const path of ['/a', '/a/b', '/c']) {
    tree.addDirectory(namesOf(path));
    model.kinds.set(path, 'directory');
  }
  tree.addFile(namesOf('/a/b/f'));
  model.kinds.set('/a/b/f', 'file');
  const granted: Array<{ readonly token: string; readonly root: string }> = [];
  for (const made of all) {
    const locks = made.named.flatMap((index) => granted.at(-1 - index) ?? []);
    const named = locks.map(({ token }) => token);
    const wish = { ...made, path: (made.isAtLock ? locks[0]?.root : undefined) ?? made.path };
    const sender: Sender = { principal: wish.principal, tokens: named, isStrict: wish.isStrict };
    if (wish.what === 'wait') {
      await clock.advance(wish.timeoutMs / 2);
      model.advance(wish.timeoutMs / 2);
    } else if (wish.what === 'restart') {
      await subject.restart();
    } else {
      const allowed = forecast(model, wish, sender, named[0]);
      const { status, token } = await subject.ask(wish, sender, named[0]);
      const text = `${wish.what} ${wish.path} was answered ${status}, the model says ${[...allowed]}`;
      assert.ok(allowed.has(status), text);
      tally.set(`${wish.what} ${status}`, (tally.get(`${wish.what} ${status}`) ?? 0) + 1);
      if (wish.what === 'lock' && status < 202) {
        assert.ok(token !== undefined);
        const { principal, scope, isDeep, path: root, timeoutMs } = wish;
        granted.push({ token, root });
        model.grant({ token, principal, scope, isDeep, root, timeoutMs });
      }
    }
    await compare(model, subject.table, tree);
  }
}

async function compare(model: LockModel, table: LockTable, tree: MemoryTree): Promise<void> {
  table.checkConsistent();
  for (const path of ['', ...PATHS]) {
    const names = namesOf(path);
    const kind = model.kinds.get(path);
    assert.equal(tree.has(names), kind !== undefined, `something stands at ${path}`);
    const parent = path.slice(0, path.lastIndexOf('/'));
    if (path === '' || model.kinds.get(parent) === 'directory') {
      const covering = table.standing.covering(await tree.trace(names));
      assert.deepEqual(Array.from(covering, ({ token }) => token).sort(), model.tokensOn(path), `on ${path}`);
    }
    for (const { token, endsAtMs } of model.locks) {
      const lock = table.standing.get(token);
      assert.equal(lock && table.remainingMs(lock), endsAtMs - model.nowMs);
    }
  }
}

function requireAll(tally: Tally, answers: readonly string[]): void {
  const absent = answers.filter((answer) => !tally.has(answer));
  assert.deepEqual(absent, [], `never seen among ${JSON.stringify([...tally].sort())}`);
}

describe('locks against the model', () => {
  test('the table and the changes, for three principals', async () => {
    const tally: Tally = new Map();
    await fc.assert(
      fc.asyncProperty(wishes(['ann', 'bob', 'eve']), async (all) => {
        // No conditions here: the tokens are submitted, and that is all.
        const lenient = all.map((wish) => ({ ...wish, isStrict: false }));
        const clock = new ManualClock();
        const store = new MapMetaStore();
        const tree = new MemoryTree(() => clock.now());
        const subject = new TableSubject(await openLocks(store, clock), store, clock, tree);
        await play(lenient, subject, tree, clock, tally);
      }),
      { numRuns: 100 * FACTOR, includeErrorInReport: true, unbiased: true },
    );
    requireAll(tally, ['put 423', 'delete 423', 'move 423', 'lock 207', 'refresh 200', 'refresh 403']);
  });

  for (const principals of [['ann'], ['ann', 'bob']]) {
    test(`over HTTP, tokens of ${principals.join(' and ')}`, async () => {
      const tally: Tally = new Map();
      await fc.assert(
        fc.asyncProperty(wishes(principals), async (all) => {
          const clock = new ManualClock();
          const table = await openLocks(new MapMetaStore(), clock);
          const tree = new MemoryTree(() => clock.now());
          await using server = await startServer({ tree, locks: table, clock });
          await play(all, new HttpSubject(table, server), tree, clock, tally);
          assert.deepEqual(server.logged, []);
        }),
        { numRuns: 30 * FACTOR, includeErrorInReport: true, unbiased: true },
      );
      requireAll(tally, [
        'lock 201',
        'lock 423',
        'put 204',
        'put 423',
        'delete 204',
        'move 423',
        'refresh 200',
      ]);
    });
  }
});
