// A tree in which no litter is made.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { KEEP_LITTER } from '../../src/base/litter.ts';
import { withoutLitter } from '../../src/views/litter-refusing-tree.ts';
import { MemoryGrid } from '../fakes/memory-grid.ts';
import { at, dump, get, makeTree, put } from '../inode/make-tree.ts';

const REFUSED = { code: 'denied', message: /not kept here/ };

describe('withoutLitter', () => {
  test('is the tree itself where nothing is refused', async () => {
    const { tree } = await makeTree(new MemoryGrid());
    assert.equal(withoutLitter(tree, KEEP_LITTER), tree);
    assert.equal(withoutLitter(tree, { ...KEEP_LITTER, litter: 'local' }), tree);
  });

  test('refuses every way to such a name, and leaves what is there to be read, changed, moved away and removed', async () => {
    const { tree } = await makeTree(new MemoryGrid());
    await put(tree, '/a', 'A');
    await put(tree, '/._a', 'xattr');
    await put(tree, '/._b', 'xattr');
    await put(tree, '/.DS_Store', 'store');
    const view = withoutLitter(tree, { appleDouble: 'refuse', litter: 'keep' });
    for (const path of ['/._new', '/._a', '/._d/x']) {
      const body = Readable.from(['x']);
      await assert.rejects(view.write(at(path), body), REFUSED);
      assert.ok(body.destroyed);
      await assert.rejects(view.makeDirectory(at(path)), REFUSED);
      await assert.rejects(view.copy(at('/a'), at(path), { overwrite: true }), REFUSED);
      await assert.rejects(view.move(at('/a'), at(path), { overwrite: true }), REFUSED);
      await assert.rejects(view.openHandle(at(path), { access: 'write', create: true }), REFUSED);
    }
    assert.equal(await get(view, '/._a'), 'xattr');
    const handle = await view.openHandle(at('/._a'), { access: 'read' });
    await handle.close();
    await view.setProperties(at('/._a'), () => ({ modifiedAtMs: 1_000 }));
    await view.move(at('/._a'), at('/b'), { overwrite: false });
    await view.remove(at('/._b'));
    await put(view, '/.DS_Store', 'new');
    assert.deepEqual(await dump(view), { '/.DS_Store': 'new', '/a': 'A', '/b': 'xattr' });
  });
});
