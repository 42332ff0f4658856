import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { environmentName, OPTION_NAMES, OPTIONS } from '../../src/config-options.ts';
import { layerOfFile } from '../../src/config-sources.ts';
import { projectDir } from '../project.ts';

const wanted = OPTION_NAMES.filter((name) => name !== 'config' && OPTIONS[name].commands.includes('serve'));

describe('the sample of the settings file', () => {
  const file = join(projectDir, 'config', 'tahoe-webdav.yaml');
  let dir: string;
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'samples-'));
  });
  after(() => rmSync(dir, { recursive: true }));

  test('changes nothing as it comes', async () => {
    assert.deepEqual(await layerOfFile(file), new Map());
  });

  test('shows every option of serve, and is read with the comment signs taken away', async () => {
    const whole = join(dir, 'whole.yaml');
    const shown = readFileSync(file, 'utf8').replaceAll(/^# (?=[a-z-]+:(?: |$)| {2}- )/gm, '');
    writeFileSync(whole, shown);
    assert.deepEqual([...(await layerOfFile(whole)).keys()].sort(), wanted.sort());
  });
});

describe('the sample of a systemd unit', () => {
  const unit = readFileSync(join(projectDir, 'config', 'tahoe-webdav.service'), 'utf8');

  test('sets only variables that are read', () => {
    const set = [...unit.matchAll(/^#?Environment=(TAHOE_\w+)=/gm)].map(([, name]) => name);
    assert.deepEqual(
      set.filter((name) => !wanted.some((option) => environmentName(option) === name)),
      [],
    );
    assert.equal(set.length, 2);
  });

  test('leaves no core with keys in it and gives no rights away', () => {
    for (const line of [
      'LimitCORE=0',
      'DynamicUser=yes',
      'NoNewPrivileges=yes',
      'ProtectSystem=strict',
      'UMask=0077',
    ]) {
      assert.ok(unit.split('\n').includes(line), line);
    }
  });
});
