// Secrets that another program prints.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hasCode } from '../src/base/errors.ts';
import { lineOfProgram, wordsOf } from '../src/config-program.ts';

const where = '--rootcap-command';
const env = { PATH: process.env['PATH'] ?? '', SHOWN: 'from the environment' };

describe('the words of a command line', () => {
  const cases: ReadonlyArray<readonly [string, readonly string[]]> = [
    ['pass show tahoe', ['pass', 'show', 'tahoe']],
    ['  a\t b ', ['a', 'b']],
    [`sh -c 'echo "a b"'`, ['sh', '-c', 'echo "a b"']],
    ['cat "/a b/c"d', ['cat', '/a b/cd']],
    ['cat "a\\"b\\\\" \\ x', ['cat', 'a"b\\', ' x']],
    [`a '' ""`, ['a', '', '']],
    ['echo $HOME `x` | y', ['echo', '$HOME', '`x`', '|', 'y']],
  ];
  for (const [line, words] of cases) {
    test(`of ${line}`, () => assert.deepEqual(wordsOf(line, where), words));
  }

  for (const line of ['', '   ', 'a "b', "a 'b", 'a b\\']) {
    test(`are refused where they are ${JSON.stringify(line)}`, () => {
      assert.throws(
        () => wordsOf(line, where),
        (error) => hasCode(error, 'bad-config'),
      );
    });
  }
});

describe('the line of a program', () => {
  const lineOf = (commandLine: string, timeMs?: number): Promise<string> =>
    lineOfProgram({ commandLine, where, env }, timeMs);

  test('is its first with something in it', async () => {
    assert.equal(await lineOf(`printf '\\n  first \\nsecond\\n'`), 'first');
    assert.equal(await lineOf(`sh -c 'echo "$SHOWN"'`), 'from the environment');
  });

  test('is waited for so long only, also where its own child holds on', async () => {
    const before = performance.now();
    await assert.rejects(lineOf(`sh -c 'sleep 20; echo late'`, 200), (error) => {
      return hasCode(error, 'bad-config') && /ended by SIGKILL; it has 0.2 s/.test(error.message);
    });
    assert.ok(performance.now() - before < 10_000);
  });
});
