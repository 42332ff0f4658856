// Fifty kills each of the server and of the gateway behind it; too slow for the unit suites.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { request } from 'undici';
import { killGateway, killServer } from './kill.ts';
import { killWriteBack } from './kill-write-back.ts';

const KILLS = 50;

describe('kill -9 at fifty random moments', () => {
  for (const writeMode of ['back', 'through'] as const) {
    const about = `of the server with its embedded gateway, written ${writeMode}`;
    test(about, { timeout: 600_000 }, async (t) => {
      const { answered } = await killServer(KILLS, Date.now() % 1_000_000, writeMode);
      t.diagnostic(`${KILLS} kills, ${answered} answered changes, all there`);
      assert.ok(answered > KILLS, 'the load did next to nothing');
    });
  }

  test('of a server that writes back', { timeout: 600_000 }, async (t) => {
    const { answered } = await killWriteBack(60, Date.now() % 1_000_000);
    t.diagnostic(`60 kills, ${answered} answered changes, all there and on the grid`);
    assert.ok(answered > 60, 'the load did next to nothing');
  });

  test('of the gateway behind a living server', { timeout: 900_000 }, async (t) => {
    const { answered } = await killGateway(KILLS, Date.now() % 1_000_000, async (nodeUrl, folder) => {
      const made = await request(`${nodeUrl}/uri?t=mkdir`, { method: 'POST' });
      const file = join(folder, 'rootcap');
      await writeFile(file, await made.body.text(), { mode: 0o600 });
      return { args: ['--node-url', nodeUrl, '--rootcap-file', file, '--dir-cache-time', '500ms'], env: {} };
    });
    t.diagnostic(`${KILLS} kills, ${answered} answered changes, all there`);
    assert.ok(answered > KILLS, 'the load did next to nothing');
  });
});
