import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseAccounts } from '../../src/accounts/accounts-file.ts';
import { AccountsText } from '../../src/accounts/edit-accounts.ts';
import { isSftpdFile, parseSftpdFile } from '../../src/accounts/sftpd-file.ts';
import { hashPassword, isPassword } from '../../src/seal/password.ts';

const CAP = 'URI:DIR2:jorlhg5grksmf2vz7cgebpvg5i:aqbratgbhb6itq6uk3svcas4cap3d7tcf2mketscph4unhvfwx4a';
const READ_CAP =
  'URI:DIR2-RO:ua5vvxkxl53zqm5ltiag3jwwtq:3fcskhv5r2yce5a5etwtsncpvx2tbrttco4htcsrvmiq7yu7spgq';
const FILE_CAP =
  'URI:CHK:k64es3ypetm2wvwbbrxj6u72n4:yt5j5xjj2wod3gsxyrgzrt3hmmesecc4a5sljudg7bqil6hzutra:1:1:66';
const HASH = Buffer.alloc(32, 7).toString('base64');

const parse = (text: string) => parseAccounts(text, 'FILE');
const only = (text: string) => {
  const [account, ...more] = parse(text).values();
  assert.ok(account && more.length === 0);
  return account;
};

describe('an accounts file', () => {
  test('says who there is, and what they see', async () => {
    const hash = await hashPassword('geheim', 14);
    const text = new AccountsText('');
    text.add('alice', {
      password: hash,
      mounts: [
        { path: [], cap: CAP, isReadOnly: false },
        { path: ['team', 'ä'], cap: READ_CAP, isReadOnly: true },
      ],
      isReadOnly: false,
      quota: '10G',
    });
    const alice = only(text.toString());
    assert.equal(alice.name, 'alice');
    assert.ok(alice.password && (await isPassword('geheim', alice.password)));
    assert.deepEqual(alice.mounts, [
      { path: [], cap: CAP, isReadOnly: false },
      { path: ['team', 'ä'], cap: READ_CAP, isReadOnly: true },
    ]);
    assert.equal(alice.quotaBytes, 10 * 2 ** 30);
    assert.deepEqual([alice.isReadOnly, alice.isLeaving, alice.tokens], [false, false, []]);
  });

  test('takes what is not said as none', () => {
    const bob = only('accounts:\n  bob:\n');
    assert.deepEqual([bob.password, bob.mounts, bob.quotaBytes], [undefined, [], Number.POSITIVE_INFINITY]);
    assert.equal(parse('').size, 0);
    assert.equal(parse('# nobody yet\n').size, 0);
    assert.equal(parse('accounts:\n').size, 0);
  });

  test('has names like others in __proto__ and constructor', () => {
    const accounts = parse(`accounts:\n  __proto__:\n    mounts: {/: ${CAP}}\n  constructor:\n  1234:\n`);
    assert.deepEqual([...accounts.keys()], ['__proto__', 'constructor', '1234']);
    assert.equal(accounts.get('__proto__')?.mounts.length, 1);
    assert.equal(accounts.get('toString'), undefined);
  });

  for (const [what, text, message] of [
    ['no YAML', 'accounts: [', /FILE is no YAML, line 1/],
    ['a list of accounts', 'accounts: [a]', /accounts|no map/],
    ['a mistyped key', 'acounts: {}', /unknown key acounts/],
    ['a mistyped key of an account', 'accounts: {a: {moutns: {}}}', /account "a": unknown key moutns/],
    ['a name with a colon', 'accounts: {"a:b": {}}', /can not log in/],
    ['a name with a control character', 'accounts: {"a\\u0007": {}}', /can not log in/],
    ['a name with a line separator', 'accounts: {"a\\u2028b": {}}', /can not log in/],
    ['a name twice in two forms', 'accounts: {"\\u00e4": {}, "a\\u0308": {}}', /two accounts of one name/],
    ['a name twice', 'accounts:\n  a: {}\n  a: {}\n', /FILE is no YAML, line/],
    ['a file cap', `accounts: {a: {mounts: {/: '${FILE_CAP}'}}}`, /mounts, \/: is no cap of a directory/],
    ['half a cap', 'accounts: {a: {mounts: {/: "URI:DIR2:abc"}}}', /is no cap of a directory/],
    ['a path with ..', `accounts: {a: {mounts: {/a/../b: '${CAP}'}}}`, /path that is none/],
    ['two mounts at one path', `accounts: {a: {mounts: {/b: '${CAP}', b/: '${CAP}'}}}`, /two mounts/],
    ['a password in clear', 'accounts: {a: {password: geheim}}', /password: is no hash/],
    ...[
      'ln=30,r=8,p=1',
      'ln=19,r=8,p=1',
      'ln=15,r=99,p=1',
      'ln=15,r=8,p=99',
      'ln=8,r=8,p=1',
      'ln=15,r=8,p=0',
    ].map(
      (cost) =>
        [
          `a hash of the cost ${cost}`,
          `accounts: {a: {password: '$scrypt$${cost}$${HASH}$${HASH}'}}`,
          /no hash/,
        ] as const,
    ),
    ['a quota that is none', 'accounts: {a: {quota: lots}}', /quota: is no size/],
    ['a flag that is none', 'accounts: {a: {read-only: maybe}}', /read-only: is neither/],
    ['a token without a hash', 'accounts: {a: {tokens: [{id: x}]}}', /tokens: a token lacks/],
    ['an alias that multiplies', 'a: &a [x]\naccounts: *a', /refers to a part of itself/],
    ['a name that YAML reads as another number', 'accounts: {007: {}}', /by a number/],
    [
      'two tokens of one id',
      `accounts: {a: {tokens: [{id: x, hash: '${HASH}'}, {id: x, hash: '${HASH}'}]}}`,
      /two tokens/,
    ],
  ] as const) {
    test(`is refused with ${what}, and nothing of it is repeated`, () => {
      assert.throws(
        () => parse(text),
        (error: Error & { code?: string }) => {
          assert.equal(error.code, 'bad-config', String(error));
          assert.match(error.message, message);
          assert.doesNotMatch(error.message, /URI:|geheim|BwcH/);
          return true;
        },
      );
    });
  }
});

describe('AccountsText', () => {
  const WRITTEN = `# our people
accounts:
  # the boss
  alice:
    mounts:
      /: ${CAP} # her own
  bob: {}
`;

  test('leaves what a person wrote as it is', async () => {
    const text = new AccountsText(WRITTEN);
    text.setPassword('alice', await hashPassword('x', 14));
    text.addToken('alice', {
      id: 'k3f7',
      label: 'phone',
      hash: Buffer.from(HASH, 'base64'),
      isReadOnly: true,
      path: ['photos'],
      createdAt: '2026-01-02T03:04:05Z',
    });
    text.setLeaving('bob');
    const after = text.toString();
    for (const kept of ['# our people', '  # the boss', `/: ${CAP} # her own`]) {
      assert.ok(after.includes(kept), after);
    }
    const [alice, bob] = parse(after).values();
    assert.deepEqual(
      alice?.tokens.map(({ id, label, isReadOnly, path, createdAt, hash }) => [
        id,
        label,
        isReadOnly,
        path,
        createdAt,
        hash.toString('base64'),
      ]),
      [['k3f7', 'phone', true, ['photos'], '2026-01-02T03:04:05Z', HASH]],
    );
    assert.equal(bob?.isLeaving, true);
    text.removeToken('alice', 'k3f7');
    text.remove('bob');
    assert.deepEqual([...parse(text.toString()).keys()], ['alice']);
    assert.equal(parse(text.toString()).get('alice')?.tokens.length, 0);
  });

  test('writes the first after the last one on lines of its own', () => {
    const text = new AccountsText('accounts: {}\n');
    text.add('a', { password: undefined, mounts: [], isReadOnly: true, quota: undefined });
    assert.equal(text.toString(), 'accounts:\n  a:\n    mounts: {}\n    read-only: true\n');
  });

  test('finds a name in another form of its letters, and names of objects', () => {
    const text = new AccountsText('accounts:\n  "a\\u0308": {}\n');
    text.setLeaving('\u00e4');
    assert.equal(only(text.toString()).isLeaving, true);
    text.add('__proto__', { password: undefined, mounts: [], isReadOnly: true, quota: undefined });
    assert.equal(parse(text.toString()).get('__proto__')?.isReadOnly, true);
    assert.throws(
      () => text.add('__proto__', { password: undefined, mounts: [], isReadOnly: true, quota: undefined }),
      {
        code: 'exists',
      },
    );
    assert.throws(() => text.setLeaving('constructor'), { code: 'not-found' });
    assert.throws(() => text.removeToken('__proto__', 'x'), { code: 'not-found' });
  });
});

describe('an accounts file of the SFTP front end', () => {
  const text = `# people\n\nalice geheim ${CAP}\nbob ssh-ed25519 AAAAC3Nz bob@there ${READ_CAP}\n`;

  test('is told from ours', () => {
    assert.equal(isSftpdFile(text), true);
    assert.equal(isSftpdFile(`accounts:\n  a:\n    mounts: {/: ${CAP}}\n`), false);
    assert.equal(isSftpdFile(''), false);
  });

  test('gives names, caps, and passwords where there are any', () => {
    assert.deepEqual(parseSftpdFile(text, 'FILE'), [
      { name: 'alice', password: 'geheim', cap: CAP },
      { name: 'bob', password: undefined, cap: READ_CAP },
    ]);
  });

  test('is refused with the number of the line, and nothing of it is repeated', () => {
    assert.throws(() => parseSftpdFile(`${text}carol geheim2 ${FILE_CAP}\n`, 'FILE'), {
      code: 'bad-config',
      message: /^FILE, line 5 is none of an accounts file/,
    });
  });
});
