// The filter for fail2ban, tried by fail2ban itself on the log of the real program.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { projectDir } from '../project.ts';
import { AccountScene } from './account-scene.ts';
import { toolSkip } from './real-client.ts';

const FILTER = join(projectDir, 'config', 'fail2ban', 'tahoe-webdav.conf');

describe('fail2ban', { skip: toolSkip('fail2ban-regex', 'fail2ban') }, () => {
  for (const format of ['text', 'json']) {
    test(`finds each failed login in a log in ${format}, and nothing else`, async () => {
      await using scene = await AccountScene.make();
      const ann = await scene.add('ann', ['/=new']);
      await scene.add('x address=192.0.2.99', ['/=new']);
      await scene.start('--log-format', format, '--log-level', 'debug');
      await using right = scene.client(ann);
      assert.equal(await right.put('/x', 'x'), 201);
      for (const name of ['ann', 'nobody', 'x address=192.0.2.99']) {
        await using wrong = scene.client({ name, password: 'guessed' });
        assert.equal(await wrong.status('GET', '/x'), 401);
      }
      await scene.stop();
      const log = scene.file('log');
      await writeFile(log, scene.said);
      const { stdout } = spawnSync('fail2ban-regex', [log, FILTER, '--print-all-matched'], {
        encoding: 'utf8',
      });
      assert.match(stdout, /, 3 matched, /, stdout);
      assert.doesNotMatch(stdout, /192\.0\.2\.99.*HOST/);
      const found = spawnSync('fail2ban-regex', [log, FILTER, '-o', 'ip'], { encoding: 'utf8' }).stdout;
      assert.deepEqual(found.trim().split(/\s+/), ['127.0.0.1', '127.0.0.1', '127.0.0.1']);
    });
  }
});
