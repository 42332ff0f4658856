import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { FsError } from '../../src/base/errors.ts';
import { isSealed, openSealed, sealText } from '../../src/seal/sealed-file.ts';
import { projectDir } from '../project.ts';

const content = Buffer.from('URI:DIR2:aaaa:bbbb\n');

function refusal(pattern: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof FsError && error.code === 'bad-config' && pattern.test(error.message);
}

interface Vector {
  readonly passphrase: string;
  readonly text: string;
  readonly content: string;
}

describe('a file sealed under a passphrase', () => {
  test('opens with it, and is another text each time', async () => {
    const text = await sealText(content, 'four words long enough');
    assert.ok(isSealed(text));
    assert.doesNotMatch(text, /URI|aaaa/);
    assert.notEqual(text, await sealText(content, 'four words long enough'));
    assert.deepEqual(await openSealed(text, 'four words long enough'), content);
    assert.deepEqual(
      await openSealed(`\ufeff${text.replaceAll('\n', '\r\n')}`, 'four words long enough'),
      content,
    );
  });

  test('takes a passphrase composed or not', async () => {
    const text = await sealText(Buffer.alloc(0), 'caf\u00e9');
    assert.equal((await openSealed(text, 'cafe\u0301')).length, 0);
  });

  test('still opens what this format wrote from the start', async () => {
    const file = join(projectDir, 'test/vectors/sealed-file.json');
    const vectors = JSON.parse(readFileSync(file, 'utf8')) as readonly Vector[];
    assert.ok(vectors.length > 0);
    for (const { passphrase, text, content: expected } of vectors) {
      assert.equal((await openSealed(text, passphrase)).toString(), expected);
    }
  });

  test('says one thing of a wrong passphrase and of any altered byte', async () => {
    const text = await sealText(content, 'right');
    await assert.rejects(openSealed(text, 'wrong'), refusal(/passphrase is wrong/));
    await assert.rejects(openSealed(text, ''), refusal(/empty/));
    const body = Buffer.from(text.split('\n').slice(1).join(''), 'base64');
    for (const at of [3, 18, 19, 30, 31, body.length - 1]) {
      const altered = Buffer.from(body);
      altered[at] = (altered[at] ?? 0) ^ 1;
      const sealed = `tahoe-webdav sealed file 1\n${altered.toString('base64')}\n`;
      await assert.rejects(openSealed(sealed, 'right'), refusal(/passphrase is wrong/), `byte ${at}`);
    }
  });

  test('asks for no work without bounds, nor for too little', async () => {
    const text = await sealText(content, 'right');
    const body = Buffer.from(text.split('\n').slice(1).join(''), 'base64');
    for (const cost of [
      [30, 8, 1],
      [17, 255, 1],
      [17, 8, 200],
      [11, 8, 1],
      [0, 0, 0],
      [255, 8, 1],
    ]) {
      const sealed = Buffer.concat([Buffer.from(cost), body.subarray(3)]).toString('base64');
      await assert.rejects(
        openSealed(`tahoe-webdav sealed file 1\n${sealed}\n`, 'right'),
        refusal(/more or less work/),
      );
    }
  });

  test('is refused where it is cut, no base64, or of another version', async () => {
    const text = await sealText(content, 'right');
    await assert.rejects(openSealed('tahoe-webdav sealed file 1\nAAAA\n', 'right'), refusal(/cut short/));
    await assert.rejects(openSealed(text.replace(/\n./, '\n!'), 'right'), refusal(/damaged/));
    await assert.rejects(openSealed(text.replace('file 1', 'file 2'), 'right'), refusal(/version/));
    assert.ok(isSealed(text.replace('file 1', 'file 2')));
    assert.ok(!isSealed('URI:DIR2:aaaa:bbbb'));
  });
});
