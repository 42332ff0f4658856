import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { realGridSkip, startRealGrid } from './real-grid.ts';

describe('startRealGrid', { skip: realGridSkip() }, () => {
  test('gives a grid that stores, obeys further commands, and is gone afterwards', async () => {
    let dir: string;
    {
      await using grid = await startRealGrid({ storages: 1 });
      dir = grid.dir;
      const put = await fetch(`${grid.url}/uri`, { method: 'PUT', body: Buffer.alloc(100, 7) });
      assert.equal(put.status, 200);
      assert.match(await put.text(), /^URI:CHK:/);
      const status = JSON.parse(await grid.run('status')) as { states: Record<string, string> };
      assert.equal(status.states['storage-1'], 'up');
    }
    assert.equal(existsSync(dir), false);
  });
});
