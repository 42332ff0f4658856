// Locks and changes at the same time.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemoryTree } from '../fakes/memory-tree.ts';
import { change, changing, lock, locked, lockInfo, withTable, withTree } from './lock-client.ts';
import { type Answer, allOf, until } from './test-server.ts';

describe('a lock and a change at the same time', () => {
  const head = 'PUT /file HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nConnection: close\r\n';

  test('a locked file is refused before its body is asked for', async () => {
    await using server = await withTree();
    await locked(server, '/file');
    const answer = await server.raw(`${head}Expect: 100-continue\r\n\r\n`);
    assert.match(answer, /^HTTP\/1.1 423 /);
  });

  for (const isLockedBefore of [false, true]) {
    const when = isLockedBefore ? 'while others are locked' : 'while nothing was locked';
    test(`a lock granted while a body comes, ${when}, keeps the change out`, async () => {
      await using server = await withTree();
      if (isLockedBefore) {
        await locked(server, '/other');
      }
      const socket = server.connect();
      const received = allOf(socket);
      socket.write(`${head}\r\nsto`);
      await until(() => server.tree.calls.includes('write /file'));
      await locked(server, '/file');
      socket.write('len');
      assert.match(await received, /^HTTP\/1.1 423 (?:.|\s)*lock-token-submitted/);
      assert.equal(server.tree.files()['file'], 'one');
    });
  }

  for (const [method, path, headers] of changing) {
    test(`a lock waits for ${method} ${path} that had its last word`, async () => {
      const hold = deferred();
      const { server } = await withTable(new HeldTree(hold.promise));
      await using _ = server;
      const changed = change(server, method, path, headers);
      await until(() => (server.tree as HeldTree).isHeld);
      let isGranted = false;
      const granted = lock(server, '/', {}).then((answer) => {
        isGranted = true;
        return answer.status;
      });
      await server.request('GET', '/other'); // time enough for it to be granted
      assert.equal(isGranted, false);
      // It stands already for those who come later.
      assert.equal((await server.request('PUT', '/other', { body: 'x' })).status, 423);
      hold.resolve();
      assert.ok((await changed).status < 300);
      assert.equal(await granted, 200);
    });
  }

  test('a lock waits for no change that it has nothing to do with', async () => {
    const hold = deferred();
    const { server } = await withTable(new HeldTree(hold.promise));
    await using _ = server;
    const changed = change(server, 'PUT', '/dir/a', {});
    await until(() => (server.tree as HeldTree).isHeld);
    assert.equal((await lock(server, '/other')).status, 200);
    hold.resolve();
    assert.equal((await changed).status, 204);
  });

  test('a client that goes while its lock waits leaves none behind', async () => {
    const hold = deferred();
    const { table, server } = await withTable(new HeldTree(hold.promise));
    await using _ = server;
    const changed = change(server, 'PUT', '/file', {});
    await until(() => (server.tree as HeldTree).isHeld);
    const body = lockInfo();
    const socket = server.connect();
    socket.write(`LOCK /file HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    await until(() => !table.isEmpty);
    socket.destroy();
    await until(() => table.isEmpty);
    hold.resolve();
    assert.equal((await changed).status, 204);
  });

  test('of two that want a new name at once one gets it', async () => {
    await using server = await withTree();
    const answers = await Promise.all([lock(server, '/new'), lock(server, '/new'), lock(server, '/new')]);
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 423, 423]);
  });

  test('shared locks of a new name are granted to all', async () => {
    await using server = await withTree();
    const shared = (): Promise<Answer> => lock(server, '/new', {}, lockInfo('shared'));
    const answers = await Promise.all([shared(), shared(), shared()]);
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 201]);
  });
});

interface Deferred {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

function deferred(): Deferred {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** Makes each change and then keeps its answer back. */
class HeldTree extends MemoryTree {
  isHeld = false;
  readonly #hold: Promise<void>;

  constructor(hold: Promise<void>) {
    super();
    this.#hold = hold;
  }

  async #held<T>(made: Promise<T>): Promise<T> {
    const value = await made;
    this.isHeld = true;
    await this.#hold;
    return value;
  }

  override write(...args: Parameters<MemoryTree['write']>): ReturnType<MemoryTree['write']> {
    return this.#held(super.write(...args));
  }

  override makeDirectory(
    ...args: Parameters<MemoryTree['makeDirectory']>
  ): ReturnType<MemoryTree['makeDirectory']> {
    return this.#held(super.makeDirectory(...args));
  }

  override remove(...args: Parameters<MemoryTree['remove']>): ReturnType<MemoryTree['remove']> {
    return this.#held(super.remove(...args));
  }

  override move(...args: Parameters<MemoryTree['move']>): ReturnType<MemoryTree['move']> {
    return this.#held(super.move(...args));
  }

  override copy(...args: Parameters<MemoryTree['copy']>): ReturnType<MemoryTree['copy']> {
    return this.#held(super.copy(...args));
  }

  override setProperties(
    ...args: Parameters<MemoryTree['setProperties']>
  ): ReturnType<MemoryTree['setProperties']> {
    return this.#held(super.setProperties(...args));
  }
}
