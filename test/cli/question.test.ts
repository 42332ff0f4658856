import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import { asker } from '../../src/cli/question.ts';

const NEVER = new AbortController().signal;

function terminal(isTTY = true): PassThrough & { readonly isTTY: boolean } {
  return Object.assign(new PassThrough(), { isTTY });
}

/** What is answered to somebody who types `text`. */
async function answerTo(text: string): Promise<[boolean, string]> {
  const [input, output] = [terminal(), terminal()];
  const ask = asker({ input, output }, NEVER);
  assert.ok(ask);
  const answer = ask('All of it?');
  input.end(text);
  return [await answer, String(output.read())];
}

describe('asker', () => {
  for (const [text, isYes] of [
    ['y\n', true],
    ['YES\r\n', true],
    ['n\n', false],
    ['\n', false],
    ['yesterday\n', false],
    ['', false],
  ] as const) {
    test(`takes ${JSON.stringify(text)} for ${isYes ? 'yes' : 'no'}`, async () => {
      assert.deepEqual(await answerTo(text), [isYes, 'All of it? [y/N] ']);
    });
  }

  test('takes Ctrl-C for no', async () => {
    const controller = new AbortController();
    const answer = asker({ input: terminal(), output: terminal() }, controller.signal)?.('Really?');
    controller.abort();
    assert.equal(await answer, false);
  });

  test('is nobody where one of both is no terminal', () => {
    assert.equal(asker({ input: terminal(false), output: terminal() }, NEVER), undefined);
    assert.equal(asker({ input: terminal(), output: terminal(false) }, NEVER), undefined);
  });
});
