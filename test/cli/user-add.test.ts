import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { isPassword } from '../../src/seal/password.ts';
import { standIn } from './run.ts';
import { NEW_CAP } from './stand-in.ts';
import { CAP, PASSWORD, READ_CAP, UserCommands } from './user-commands.ts';

describe('user add', () => {
  let user: UserCommands;
  beforeEach(() => {
    user = new UserCommands();
  });
  afterEach(() => user[Symbol.dispose]());

  const withPassword = { stdin: `${PASSWORD}\n` };

  test('makes the file and its folder for their owner alone, and keeps the password as a hash', async () => {
    const { stdout } = await user.add('alice', '--quota', '10G', '--read-only');
    assert.equal(stdout, 'added alice, who sees /\n');
    assert.equal(statSync(user.accounts).mode & 0o777, 0o600);
    assert.equal(statSync(dirname(user.accounts)).mode & 0o777, 0o700);
    const alice = user.parsed().get('alice');
    assert.deepEqual(alice?.mounts, [{ path: [], cap: CAP, isReadOnly: false }]);
    assert.deepEqual([alice.isReadOnly, alice.quotaBytes], [true, 10 * 2 ** 30]);
    assert.ok(alice.password && (await isPassword(PASSWORD, alice.password)));
    assert.doesNotMatch(user.text(), /Sesam/);
    assert.deepEqual(readdirSync(dirname(user.accounts)), ['accounts.yaml']);
  });

  test('takes several mounts, some to be read only, and the server’s own root', async () => {
    const mounts = ['/=root', `/team/ä:ro=${user.readCapFile}`, `/x=${user.capFile}`];
    const args = ['add', 'bob', '--password-file', '-', ...mounts.flatMap((mount) => ['--mount', mount])];
    const { code, stdout } = await user.run(args, withPassword);
    assert.deepEqual([code, stdout], [0, 'added bob, who sees /, /team/ä, /x\n']);
    assert.deepEqual(user.parsed().get('bob')?.mounts, [
      { path: [], cap: 'root', isReadOnly: false },
      { path: ['team', 'ä'], cap: READ_CAP, isReadOnly: true },
      { path: ['x'], cap: CAP, isReadOnly: false },
    ]);
  });

  test('makes a new directory on the grid, once all else is right', async () => {
    const args = [
      'add',
      'bob',
      '--mount',
      '/=new',
      '--node-url',
      'http://127.0.0.1:1',
      '--password-file',
      '-',
    ];
    const { code, stdout, stderr } = await user.run(args, { ...withPassword, script: standIn });
    assert.deepEqual([code, stdout, stderr], [0, 'added bob, who sees /\n', '']);
    assert.equal(user.parsed().get('bob')?.mounts[0]?.cap, NEW_CAP);
    // With a grid that fails it is not even asked where the password is missing.
    const failing = { script: standIn, env: { STAND_IN: 'unavailable' } };
    const { stderr: why } = await user.run([...args.slice(0, 1), 'carol', ...args.slice(2)], failing);
    assert.match(why, /standard input has no password/);
    const { code: gone } = await user.run([...args.slice(0, 1), 'carol', ...args.slice(2)], {
      ...failing,
      ...withPassword,
    });
    assert.equal(gone, 1);
    assert.deepEqual([...user.parsed().keys()], ['bob']);
  });

  test('keeps what a person wrote', async () => {
    await user.add('alice');
    writeFileSync(user.accounts, `# ours\n${user.text().replace('  alice:', '  # the boss\n  alice:')}`);
    await user.add('bob');
    assert.match(user.text(), /^# ours\naccounts:\n {2}# the boss\n {2}alice:/);
    assert.deepEqual([...user.parsed().keys()], ['alice', 'bob']);
  });

  test('has room for names that YAML, objects and shells know as something else', async () => {
    const names = [
      '__proto__',
      'constructor',
      'null',
      'true',
      '007',
      '"',
      '{x}',
      '&a',
      'ä@b c',
      '#no',
      '*',
      '~',
    ];
    for (const name of names) {
      await user.add(name);
    }
    assert.deepEqual([...user.parsed().keys()], names);
    const { stdout } = await user.run(['list', '--json']);
    const listed = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).name);
    assert.deepEqual(listed, names);
  });

  test('takes a name in either form of its letters for the same', async () => {
    await user.add('a\u0308');
    assert.deepEqual([...user.parsed().keys()], ['\u00e4']);
    const { code, stderr } = await user.run(
      ['add', '\u00e4', '--mount', `/=${user.capFile}`, '--password-file', '-'],
      withPassword,
    );
    assert.equal(code, 1);
    assert.match(stderr, /there is an account ä already; user passwd NAME changes its password/);
  });

  for (const [what, args, message] of [
    ['a name with a colon', ['a:b'], /names an account that can not log in/],
    ['a name with a line break', ['a\nb'], /names an account that can not log in/],
    ['an overlong name', ['a'.repeat(256)], /names an account that can not log in/],
    ['no name', [], /user add needs a name/],
    ['two names', ['a', 'b'], /user add takes fewer arguments than 2/],
    ['a cap as a name', [CAP], /holds a cap/],
    ['a cap as a mount', ['a', '--mount', `/=${CAP}`], /--mount holds a cap/],
    [
      'two mounts at one path',
      ['a', '--mount', '/x=root', '--mount', 'x/=root'],
      /--mount is given twice for \/x/,
    ],
    ['a path with ..', ['a', '--mount', '/x/../y=root'], /is no path/],
    ['a mount that is no pair', ['a', '--mount', '/x'], /is no PATH=FILE/],
    [
      'a file that is not there',
      ['a', '--mount', '/=/nowhere/cap'],
      /there is no \/nowhere\/cap for the cap/,
    ],
    ['a quota that is none', ['a', '--mount', '/=root', '--quota', 'lots'], /is no size/],
    ['no mount and no terminal', ['a'], /what the account is to see is not said; give --mount \/=FILE/],
    ['no password and no terminal', ['a', '--mount', '/=root'], /a password is needed.*--password-file/],
    ['an unknown option', ['a', '--qota', '1G'], /did you mean --quota\?/],
  ] as const) {
    test(`refuses ${what}, and makes nothing`, async () => {
      const { code, stdout, stderr } = await user.run(['add', ...args]);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, message);
      assert.equal(stderr.split('\n').length, 2, stderr);
      assert.ok(!existsSync(dirname(user.accounts)));
    });
  }

  for (const [what, text, message] of [
    ['empty', '\n', /standard input has no password/],
    ['with a control character', 'a\tb\n', /control character/],
  ] as const) {
    test(`refuses a password that is ${what}`, async () => {
      const { code, stderr } = await user.run(['add', 'a', '--mount', '/=root', '--password-file', '-'], {
        stdin: text,
      });
      assert.equal(code, 2);
      assert.match(stderr, message);
    });
  }

  test('refuses a file without the cap of a directory', async () => {
    const file = user.write('file-cap', 'URI:CHK:k64es3ypetm2wvwbbrxj6u72n4:yt5j5xjj:1:1:66\n');
    const { code, stderr } = await user.run(['add', 'a', '--mount', `/=${file}`]);
    assert.equal(code, 2);
    assert.match(stderr, /file-cap holds no cap of a directory/);
  });

  test('says when a secret can be read by others, and closes the accounts file to them', async () => {
    await user.add('alice');
    chmodSync(user.accounts, 0o644);
    const password = user.write('password', `${PASSWORD}\n`);
    chmodSync(password, 0o644);
    const args = ['add', 'bob', '--mount', `/=${user.capFile}`, '--password-file', password];
    const { code, stderr } = await user.run(args);
    assert.equal(code, 0);
    assert.match(stderr, /accounts\.yaml holds caps and can be read by others/);
    assert.match(stderr, /password holds the password and can be read by others/);
    assert.equal(statSync(user.accounts).mode & 0o777, 0o600);
  });

  test('follows a link, also one to a file that is not there yet', async () => {
    mkdirSync(join(user.folder, 'real'));
    mkdirSync(dirname(user.accounts), { recursive: true });
    symlinkSync('../../real/file', user.accounts);
    await user.add('alice');
    await user.add('bob');
    assert.ok(lstatSync(user.accounts).isSymbolicLink());
    assert.deepEqual(readdirSync(join(user.folder, 'real')), ['file']);
    assert.equal(user.parsed().size, 2);
  });

  test('loses nothing of several commands at once', async () => {
    const names = Array.from({ length: 6 }, (_, index) => `user${index}`);
    await Promise.all(names.map((name) => user.add(name)));
    assert.deepEqual([...user.parsed().keys()].sort(), names);
    assert.deepEqual(readdirSync(dirname(user.accounts)), ['accounts.yaml']);
  });

  test('leaves a file alone that is none of ours', async () => {
    mkdirSync(dirname(user.accounts), { recursive: true });
    for (const [text, message] of [
      [`alice geheim ${CAP}\n`, /accounts file of Tahoe's SFTP front end.*user import/],
      ['accounts: [\n', /is no YAML, line/],
      ['other: 1\n', /unknown key other/],
    ] as const) {
      writeFileSync(user.accounts, text);
      const { code, stderr } = await user.run(['add', 'bob', '--mount', '/=root', '--password-file', '-'], {
        stdin: 'x\n',
      });
      assert.equal(code, 2);
      assert.match(stderr, message);
      assert.equal(readFileSync(user.accounts, 'utf8'), text);
    }
  });

  test('is told the file by the environment, and is not made read-only by the server’s setting', async () => {
    const env = { TAHOE_WEBDAV_READ_ONLY: 'true' };
    const args = ['add', 'alice', '--mount', '/=root', '--password-file', '-'];
    assert.equal((await user.run(args, { ...withPassword, env })).code, 0);
    assert.equal(user.parsed().get('alice')?.isReadOnly, false);
  });
});
