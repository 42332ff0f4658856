import assert from 'node:assert/strict';
import { chmodSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { hashOfToken } from '../../src/accounts/token.ts';
import { isPassword } from '../../src/seal/password.ts';
import { bin, run } from './run.ts';
import { CAP, PASSWORD, READ_CAP, UserCommands } from './user-commands.ts';

describe('user list, passwd, remove and token', () => {
  let user: UserCommands;
  before(async () => {
    user = new UserCommands();
    await user.add('alice', '--quota', '10G', '--mount', `/team:ro=${user.readCapFile}`);
    await user.add('bob', '--read-only');
  });
  after(() => user[Symbol.dispose]());

  test('passwd sets another password', async () => {
    const { code, stdout } = await user.run(['passwd', 'bob', '--password-file', '-'], { stdin: 'anders\n' });
    assert.equal(code, 0);
    assert.match(stdout, /^bob has a new password/);
    const { password } = user.parsed().get('bob') ?? {};
    assert.ok(password && (await isPassword('anders', password)) && !(await isPassword(PASSWORD, password)));
  });

  let token = '';
  test('token add shows a new token once, alone on standard output, and keeps its hash', async () => {
    const args = [
      'token',
      'add',
      'alice',
      '--label',
      'phone: \u001b[31m',
      '--read-only',
      '--path',
      '/photos/',
    ];
    const { code, stdout, stderr } = await user.run(args);
    assert.equal(code, 0);
    assert.match(stdout, /^twd_[A-Za-z0-9_-]{43}\n$/);
    assert.match(stderr, /^this is shown once: .* for alice, with the id [0-9a-f]{8}\n$/);
    token = stdout.trim();
    assert.ok(!user.text().includes(token));
    const [made] = user.parsed().get('alice')?.tokens ?? [];
    assert.deepEqual(made?.hash, hashOfToken(token));
    assert.deepEqual([made?.path, made?.isReadOnly], [['photos'], true]);
  });

  test('list is a table, and JSON for scripts', async () => {
    const [made] = user.parsed().get('alice')?.tokens ?? [];
    const { stdout } = await user.run(['list']);
    assert.equal(
      stdout,
      [
        'NAME   RIGHTS      QUOTA     SEES                  TOKENS',
        `alice  read-write  10.0 GiB  /, /team (read-only)  ${made?.id} phone: \\u001b[31m read-only /photos`,
        'bob    read-only   -         /',
        '',
      ].join('\n'),
    );
    const { stdout: json } = await user.run(['list', '--json']);
    const [alice, bob] = json
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(alice, {
      name: 'alice',
      readOnly: false,
      leaving: false,
      quotaBytes: 10 * 2 ** 30,
      hasPassword: true,
      mounts: [
        { path: '/', readOnly: false },
        { path: '/team', readOnly: true },
      ],
      tokens: [
        {
          id: made?.id,
          label: 'phone: \u001b[31m',
          readOnly: true,
          path: '/photos',
          createdAt: made?.createdAt,
        },
      ],
    });
    assert.equal(bob.quotaBytes, null);
  });

  test('list only reads: the file may be closed to writing, and its folder, too', async () => {
    const folder = dirname(user.accounts);
    const before = statSync(folder).mtimeMs;
    chmodSync(folder, 0o500);
    try {
      assert.equal((await user.run(['list'])).code, 0);
      assert.equal(statSync(folder).mtimeMs, before);
    } finally {
      chmodSync(folder, 0o700);
    }
  });

  test('token list tells ids, and revoke takes one back', async () => {
    await user.run(['token', 'add', 'alice', '--label', 'second']);
    const [first, second] = user.parsed().get('alice')?.tokens ?? [];
    const { stdout } = await user.run(['token', 'list', 'alice']);
    assert.equal(stdout.split('\n').length, 4, stdout);
    assert.ok(!stdout.includes(token) && stdout.includes(first?.id ?? '?'));
    assert.equal((await user.run(['token', 'revoke', 'alice', first?.id ?? ''])).code, 0);
    assert.deepEqual(
      user
        .parsed()
        .get('alice')
        ?.tokens.map(({ id }) => id),
      [second?.id],
    );
    const { code, stderr } = await user.run(['token', 'revoke', 'alice', first?.id ?? '']);
    assert.equal(code, 1);
    assert.match(stderr, /alice has no token of this id/);
  });

  for (const [what, args, exitCode, message] of [
    ['an account that is not there', ['passwd', 'carol'], 1, /there is no account carol; .*user list/],
    ['the same to remove', ['remove', 'constructor'], 1, /there is no account constructor/],
    ['the same for tokens', ['token', 'add', '__proto__'], 1, /there is no account __proto__/],
    ['a mistyped action', ['token', 'ad', 'alice'], 2, /did you mean user token add\?/],
    ['an action of objects', ['token', 'toString', 'alice'], 2, /knows add, list and revoke/],
    ['no id', ['token', 'revoke', 'alice'], 2, /which token is not said/],
    ['an id too much', ['token', 'add', 'alice', 'x'], 2, /user token add takes one name/],
    ['a mistyped command', ['ad', 'x'], 2, /did you mean add\?/],
    ['a path that is none', ['token', 'add', 'alice', '--path', '/a/../b'], 2, /is no path/],
  ] as const) {
    test(`refuses ${what}`, async () => {
      const before = user.text();
      const { code, stdout, stderr } = await user.run(args);
      assert.deepEqual([code, stdout], [exitCode, '']);
      assert.match(stderr, message);
      assert.equal(user.text(), before);
    });
  }

  test('needs to be told the file', async () => {
    const { code, stderr } = await run(bin, ['user', 'list']);
    assert.equal(code, 2);
    assert.match(stderr, /which accounts file is meant is not said; give --accounts FILE/);
    const env = { TAHOE_WEBDAV_ACCOUNTS: user.accounts };
    assert.equal((await run(bin, ['user', 'list'], env)).code, 0);
    const config = user.write('config.yaml', `accounts: ${user.accounts}\n`);
    assert.equal((await run(bin, ['user', 'list', '--config', config])).code, 0);
  });

  test('a lock that stays is said, with what to do', async () => {
    writeFileSync(`${user.accounts}.lock`, '');
    const { code, stderr } = await user.run(['remove', 'bob']);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /accounts\.yaml\.lock is there; another command changes the accounts, or one was killed/,
    );
    unlinkSync(`${user.accounts}.lock`);
    assert.equal(user.parsed().get('bob')?.isLeaving, false);
  });

  test('remove shuts the account and leaves it there; again is fine; its name is not free yet', async () => {
    for (const _time of ['once', 'twice']) {
      const { code, stdout } = await user.run(['remove', 'bob']);
      assert.equal(code, 0);
      assert.match(stdout, /^bob can not log in any more/);
      assert.equal(user.parsed().get('bob')?.isLeaving, true);
    }
    const { code, stderr } = await user.run(['add', 'bob', '--mount', '/=root', '--password-file', '-'], {
      stdin: 'x\n',
    });
    assert.equal(code, 1);
    assert.match(stderr, /there is an account bob already; it was removed, and waits/);
    for (const args of [
      ['passwd', 'bob', '--password-file', '-'],
      ['token', 'add', 'bob'],
    ]) {
      const { code: refused, stderr: why } = await user.run(args, { stdin: 'x\n' });
      assert.equal(refused, 1);
      assert.match(why, /the account bob was removed/);
    }
    assert.match((await user.run(['list'])).stdout, /bob {4}removed/);
  });

  test('import takes names, caps and passwords of the SFTP front end, all or none', async () => {
    const file = user.write(
      'sftpd',
      `# people\ncarol geheim ${CAP}\ndave ssh-ed25519 AAAAC3Nz dave@there ${READ_CAP}\n`,
    );
    const { code, stdout, stderr } = await user.run(['import', file]);
    assert.deepEqual([code, stdout], [0, 'added carol, dave\n']);
    assert.match(stderr, /without a password.*: dave; see user passwd and user token/);
    const { password, mounts } = user.parsed().get('carol') ?? {};
    assert.ok(password && (await isPassword('geheim', password)));
    assert.deepEqual(mounts, [{ path: [], cap: CAP, isReadOnly: false }]);
    assert.equal(user.parsed().get('dave')?.password, undefined);

    const before = readFileSync(user.accounts, 'utf8');
    const again = user.write('again', `erin geheim ${CAP}\ncarol geheim ${CAP}\n`);
    const { code: refused } = await user.run(['import', again]);
    assert.equal(refused, 1);
    assert.equal(readFileSync(user.accounts, 'utf8'), before);
    assert.equal((await user.run(['import', user.accounts])).code, 2);
  });
});
