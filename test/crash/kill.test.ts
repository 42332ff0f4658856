import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { killServer } from './kill.ts';
import { killWriteBack } from './kill-write-back.ts';

describe('kill -9', () => {
  // A few here, fifty in kill.real.test.ts.
  for (const writeMode of ['back', 'through'] as const) {
    const about = `of the server under load loses nothing that was answered, written ${writeMode}`;
    test(about, { timeout: 60_000 }, async () => {
      const { answered } = await killServer(3, Date.now() % 1_000_000, writeMode);
      assert.ok(answered > 0, 'the load did nothing');
    });
  }

  test('of a server that writes back loses nothing that was answered', { timeout: 60_000 }, async () => {
    const { answered } = await killWriteBack(4, Date.now() % 1_000_000);
    assert.ok(answered > 0, 'the load did nothing');
  });
});
