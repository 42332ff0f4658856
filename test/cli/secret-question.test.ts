import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import { hasCode } from '../../src/base/errors.ts';
import { type SecretInput, secretAsker } from '../../src/cli/secret-question.ts';

interface Terminal {
  readonly input: SecretInput & PassThrough;
  readonly output: PassThrough & { readonly isTTY: boolean };
  /** What the terminal was told, in order: true = shows nothing that is typed. */
  readonly modes: boolean[];
}

function terminal(isTTY = true): Terminal {
  const modes: boolean[] = [];
  const setRawMode = (isRaw: boolean): void => void modes.push(isRaw);
  return {
    input: Object.assign(new PassThrough(), { isTTY, setRawMode }),
    output: Object.assign(new PassThrough(), { isTTY }),
    modes,
  };
}

describe('secretAsker', () => {
  const answers: ReadonlyArray<readonly [string, readonly string[], string]> = [
    ['Enter', ['sesame\r'], 'sesame'],
    ['a line of a paste', ['open sesame\nmore'], 'open sesame'],
    ['letters one by one', ['c', 'a', 'f', 'é', '\r'], 'café'],
    ['a wiped letter', ['sesamX\u007fe\r'], 'sesame'],
    ['nothing to wipe', ['\u007f\u007fa\r'], 'a'],
    ['Ctrl-D', ['a\u0004'], 'a'],
  ];
  for (const [what, typed, answer] of answers) {
    test(`takes ${what}, and shows nothing`, async () => {
      const { input, output, modes } = terminal();
      const asked = secretAsker({ input, output })?.('Passphrase: ');
      for (const piece of typed) {
        input.write(piece);
      }
      assert.equal(await asked, answer);
      assert.equal(String(output.read()), 'Passphrase: \n');
      assert.deepEqual(modes, [true, false]);
    });
  }

  test('gives the terminal back at Ctrl-C', async () => {
    const { input, output, modes } = terminal();
    const asked = secretAsker({ input, output })?.('Passphrase: ');
    input.write('ses\u0003');
    await assert.rejects(asked ?? Promise.resolve(), (error) => hasCode(error, 'aborted'));
    assert.deepEqual(modes, [true, false]);
  });

  test('asks twice', async () => {
    const { input, output } = terminal();
    const ask = secretAsker({ input, output });
    const first = ask?.('One: ');
    input.write('one\r');
    assert.equal(await first, 'one');
    const second = ask?.('Two: ');
    input.write('two\r');
    assert.equal(await second, 'two');
  });

  test('asks nobody where there is no terminal', () => {
    const { input, output } = terminal(false);
    assert.equal(secretAsker({ input, output }), undefined);
  });
});
