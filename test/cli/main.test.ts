import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { OPTION_NAMES, OPTIONS } from '../../src/config-options.ts';
import { bin, run, standIn } from './run.ts';

const CAP = 'URI:DIR2:aaaaaaaaaaaaaaaaaaaaaaaaaa:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb';

describe('main', () => {
  const usage: Array<[string, readonly string[], RegExp]> = [
    [
      'an unknown option',
      ['--adr', '127.0.0.1:0'],
      /^tahoe-webdav: unknown option --adr; did you mean --addr\?\n$/,
    ],
    [
      'an unknown option with its value',
      ['serve', '--node_url=x'],
      /unknown option --node_url; did you mean --node-url\?/,
    ],
    ['a short option', ['-z'], /unknown option -z; see tahoe-webdav --help/],
    ['an unknown command', ['creat-root'], /unknown command creat-root; did you mean create-root\?/],
    ['an argument', ['serve', 'here'], /serve takes options only, no argument here/],
    ['arguments after --', ['serve', '--', '--addr'], /serve takes options only/],
    ['an option without its value', ['--addr'], /--addr has no value/],
    ['an option instead of a value', ['--user', '--no-auth'], /--user has no value/],
    [
      'an option of another command',
      ['create-root', '--read-only'],
      /unknown option of create-root --read-only/,
    ],
    ['a cap as argument', [CAP], /an argument holds a cap/],
    ['a cap as value', ['--rootcap-file', CAP], /--rootcap-file holds a cap/],
    ['a cap as option', [`--${CAP}`], /an argument holds a cap/],
    ['a bad value', ['--net-timeout', 'soon'], /--net-timeout soon is no time/],
    ['an open address', ['--addr', ':0'], /no account; this works: tahoe-webdav serve --addr :0 --user/],
    [
      'a command of the cache that is not there',
      ['cache', 'stat'],
      /unknown cache command stat; did you mean stats\?/,
    ],
    ['no command of the cache', ['cache'], /which cache command is not said; one of stats, list, clear/],
    ['a mistyped word', ['cahe', 'stats'], /unknown command cahe; did you mean cache\?/],
    ['a path too many', ['cache', 'list', '/a', '/b'], /cache list takes one path, not 2/],
    ['a path where there is none', ['cache', 'clear', '/a'], /cache clear takes options only, no argument/],
    ['no path', ['warmup'], /warmup needs a path; tahoe-webdav warmup PATH/],
    ['a path with dots', ['unpin', '/a/../b'], /the path has \.\. in it/],
    ['a path with an empty name', ['cache', 'forget', 'a', '--', '//b'], /the path has an empty name in it/],
    ['a cap as path', ['pin', `/a/${CAP}`], /an argument holds a cap/],
    [
      'an option that took the path',
      ['cache', 'refresh', '--recursiv', '/'],
      /unknown option of cache refresh --recursiv; did you mean --recursive/,
    ],
    ['an option of serve', ['pin', '--addr', ':0'], /unknown option of pin --addr/],
    ['an id that is none', ['cache', 'stats', '--root', '../x'], /--root is no id of a root/],
    ['no root', ['--node-url', 'http://127.0.0.1:1'], /create-root --node-url URL --rootcap-file FILE/],
  ];
  for (const [what, args, line] of usage) {
    test(`exits with 2 and one line for ${what}`, async () => {
      const { code, stdout, stderr } = await run(standIn, args);
      assert.match(stderr, line);
      assert.match(stderr, /^tahoe-webdav: [^\n]+\n$/);
      assert.doesNotMatch(stderr, /aaaaaaaa/);
      assert.deepEqual([code, stdout], [2, '']);
    });
  }

  const failures: Array<[string, number, RegExp]> = [
    ['unavailable', 1, /^tahoe-webdav: no answer from the node about \[secret\] at all; is it on\?\n$/],
    ['bad-cap', 2, /^tahoe-webdav: the root is a file\n$/],
    ['escape', 1, /^tahoe-webdav: nothing is called \\u001b\[31m\\u009bred\n$/],
    ['corrupt', 5, /^tahoe-webdav: the store is damaged\n$/],
    ['system', 1, /^tahoe-webdav: EACCES: permission denied, mkdir \/x\n$/],
    ['bug', 1, /^tahoe-webdav: internal error: no such thing as \[secret\] \(a bug; .*\)\n$/],
  ];
  for (const [failure, exitCode, line] of failures) {
    test(`exits with ${exitCode} and one line for ${failure}`, async () => {
      const { code, stdout, stderr } = await run(standIn, ['serve'], { STAND_IN: failure });
      assert.match(stderr, line);
      assert.deepEqual([code, stdout], [exitCode, '']);
    });
  }

  test('shows the stack of a bug at level debug', async () => {
    const { code, stderr } = await run(standIn, ['--log-level', 'debug'], { STAND_IN: 'bug' });
    assert.equal(code, 1);
    assert.match(stderr, /\n {4}at /);
    assert.doesNotMatch(stderr, /cccccccc/);
  });

  test('reads the root from standard input', async () => {
    const args = ['--node-url', 'http://127.0.0.1:1', '--rootcap-file', '-'];
    const { code, stderr } = await run(standIn, args, { STAND_IN: 'bad-cap' }, `${CAP}\n`);
    assert.deepEqual([code, stderr], [2, 'tahoe-webdav: the root is a file\n']);
  });

  test('warns on standard error', async () => {
    const { stderr } = await run(standIn, [], { STAND_IN: 'bad-cap', TAHOE_WEBDAV_ADR: 'x' });
    assert.match(stderr, /warn: the environment variable TAHOE_WEBDAV_ADR/);
  });

  test('tells every option in its help', async () => {
    for (const command of [
      'serve',
      'create-root',
      'cache verify',
      'pin',
      'status',
      'flush',
      'trash purge',
    ] as const) {
      const { code, stdout, stderr } = await run(standIn, [...command.split(' '), '--help']);
      assert.deepEqual([code, stderr], [0, '']);
      for (const name of OPTION_NAMES) {
        assert.equal(stdout.includes(`--${name} `), OPTIONS[name].commands.includes(command), name);
      }
      assert.match(stdout, /Examples:/);
    }
    const { stdout } = await run(standIn, ['-h']);
    assert.match(stdout, /create-root .*new, empty root/);
    const { stdout: cacheHelp } = await run(standIn, ['cache', '--help']);
    for (const word of ['stats', 'list', 'clear', 'verify', 'refresh', 'forget']) {
      assert.match(cacheHelp, new RegExp(`tahoe-webdav cache ${word} `));
    }
  });

  test('says its version', async () => {
    const manifest = fileURLToPath(new URL('../../../package.json', import.meta.url));
    const { version } = JSON.parse(readFileSync(manifest, 'utf8'));
    const { code, stdout } = await run(bin, ['--version']);
    assert.deepEqual([code, stdout], [0, `${version}\n`]);
  });

  test('is what the command runs', async () => {
    const { code, stderr } = await run(bin, ['--adr']);
    assert.deepEqual([code, stderr], [2, 'tahoe-webdav: unknown option --adr; did you mean --addr?\n']);
  });
});
