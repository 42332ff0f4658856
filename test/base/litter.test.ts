import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isRefused, type LitterRules, litterKindOf, litterOn } from '../../src/base/litter.ts';

const RULES: LitterRules = { appleDouble: 'local', litter: 'refuse' };

describe('litter', () => {
  for (const name of ['._a', '._.DS_Store', '._.', '._a b.TXT']) {
    test(`${name} is an AppleDouble file`, () => assert.equal(litterKindOf(name), 'appleDouble'));
  }

  for (const name of [
    '.DS_Store',
    '.ds_store',
    '.Spotlight-V100',
    '.spotlight-V200',
    '.Trashes',
    '.fseventsd',
    '.TemporaryItems',
    '.metadata_never_index',
    'Thumbs.db',
    'THUMBS.DB',
    'ehthumbs.db',
    'Desktop.ini',
    '.directory',
  ]) {
    test(`${name} is litter`, () => assert.equal(litterKindOf(name), 'litter'));
  }

  for (const name of [
    '._',
    '_a',
    'a._b',
    '.DS_Store.txt',
    'DS_Store',
    '.Trash-1000',
    '.spotlight',
    'directory',
  ]) {
    test(`${name} is not`, () => assert.equal(litterKindOf(name), undefined));
  }

  test('what lies below shares the lot of the uppermost that is not kept', () => {
    assert.equal(litterOn(['a', '._d', '.DS_Store'], RULES), 'appleDouble');
    assert.equal(litterOn(['.Trashes', 'x', '._y'], RULES), 'litter');
    assert.equal(litterOn(['._d', '.DS_Store'], { ...RULES, appleDouble: 'keep' }), 'litter');
    assert.equal(litterOn(['a', 'b'], RULES), undefined);
  });

  test('is refused wherever a name on the way is', () => {
    assert.ok(isRefused(['.Trashes', 'x'], RULES));
    assert.ok(isRefused(['._d', '.DS_Store'], RULES));
    assert.ok(!isRefused(['._d', 'x'], RULES));
  });
});
