import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Account, AppToken } from '../../src/accounts/account.ts';
import { addressGroup } from '../../src/accounts/address.ts';
import { failureDelayMs } from '../../src/accounts/attempts.ts';
import { parseBasic } from '../../src/accounts/basic.ts';
import { Logins } from '../../src/accounts/logins.ts';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { hasCode } from '../../src/base/errors.ts';
import { sha256 } from '../../src/seal/hash.ts';
import { hashPassword } from '../../src/seal/password.ts';
import { logLines } from '../fakes/log-lines.ts';

// Cheap hashes: what is tested here is who waits for whom, not what a guess costs.
const LOG2_N = 6;

function basic(text: string, encoding: 'utf8' | 'latin1' = 'utf8'): string {
  return `Basic ${Buffer.from(text, encoding).toString('base64')}`;
}

/** Time that passes only when told; remembers for how long it was asked to sleep. */
function manualClock(): Clock & {
  readonly sleptMs: number[];
  pass(ms: number): void;
} {
  let nowMs = 1_000_000;
  const sleptMs: number[] = [];
  return {
    sleptMs,
    pass: (ms) => {
      nowMs += ms;
    },
    now: () => nowMs,
    monotonicMs: () => nowMs,
    async sleep(delayMs) {
      sleptMs.push(delayMs);
      nowMs += delayMs;
    },
    after: () => ({ [Symbol.dispose]() {} }),
  };
}

describe('parseBasic', () => {
  const good: Array<[string, string, { name: string; password: string }]> = [
    ['a name and a password', basic('alice:secret'), { name: 'alice', password: 'secret' }],
    ['a password with colons', basic('alice:a:b:'), { name: 'alice', password: 'a:b:' }],
    ['an empty password', basic('alice:'), { name: 'alice', password: '' }],
    ['UTF-8', basic('zoë:пароль€'), { name: 'zoë', password: 'пароль€' }],
    ['NFD, as NFC', basic('zoe\u0308:e\u0301'), { name: 'zo\u00eb', password: '\u00e9' }],
    ['Latin-1', basic('zoë:café', 'latin1'), { name: 'zoë', password: 'café' }],
    ['base64 with + and /', basic('a:>>>???~~~'), { name: 'a', password: '>>>???~~~' }],
    ['a scheme in other letters', basic('a:b').replace('Basic', 'bAsIc'), { name: 'a', password: 'b' }],
    ['missing padding', basic('a:bc').replace(/=+$/, ''), { name: 'a', password: 'bc' }],
    ['more spaces', basic('a:b').replace(' ', '   '), { name: 'a', password: 'b' }],
  ];
  for (const [what, header, expected] of good) {
    test(`reads ${what}`, () => assert.deepEqual(parseBasic(header), expected));
  }
  const bad: Array<[string, string | undefined]> = [
    ['no header', undefined],
    ['an empty one', ''],
    ['another scheme', 'Bearer YTpi'],
    ['a scheme that only begins like it', 'Basics YTpi'],
    ['nothing after the scheme', 'Basic '],
    ['no colon', basic('constructor')],
    ['no base64', 'Basic a:b'],
    ['base64url letters', 'Basic YT-_'],
    ['a length that no base64 has', 'Basic YTpiY'],
    ['text after the padding', 'Basic YTo=YTo='],
    ['a control character', basic('a:b\u0000c')],
    ['a line break', basic('a:b\nc')],
    ['far too much', basic(`a:${'x'.repeat(5_000)}`)],
  ];
  for (const [what, header] of bad) {
    test(`refuses ${what}`, () => assert.equal(parseBasic(header), undefined));
  }
});

describe('addressGroup', () => {
  const cases: Array<[string, string]> = [
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::6', '2001:db8:0:0::/64'],
    ['2001:DB8:1:2::', '2001:db8:1:2::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['', ''],
  ];
  for (const [address, group] of cases) {
    test(`puts ${address || 'a unix socket'} into ${group || 'its own'}`, () => {
      assert.equal(addressGroup(address), group);
    });
  }
});

describe('failureDelayMs', () => {
  test('is nothing at first, then doubles up to a bound', () => {
    assert.deepEqual([0, 1, 2, 3, 4, 5, 8, 100].map(failureDelayMs), [0, 0, 0, 250, 500, 1000, 5000, 5000]);
  });
});

async function account(
  name: string,
  password: string,
  more: Partial<Account> & { log2N?: number } = {},
): Promise<Account> {
  return {
    name,
    password: await hashPassword(password, more.log2N ?? LOG2_N),
    isReadOnly: false,
    mounts: [],
    tokens: [],
    isLeaving: false,
    quotaBytes: Number.POSITIVE_INFINITY,
    ...more,
  };
}

async function open(
  accounts: ReadonlyArray<{ name: string; password: string }>,
  clock: Clock,
  log2N: number = LOG2_N,
): Promise<{
  authenticate(authorization: string, address: string): ReturnType<Logins['authenticate']>;
}> {
  const all = await Promise.all(accounts.map((one) => account(one.name, one.password, { log2N })));
  const map = new Map(all.map((one) => [one.name, one]));
  const logins = await Logins.create(map, {
    clock,
    log: logLines().log,
    log2N,
  });
  return {
    authenticate: (authorization, address) => logins.authenticate({ authorization, address }),
  };
}

describe('Logins', () => {
  const accounts = [{ name: 'alice', password: 'correct: horse' }];

  test('lets in who has the password, and nobody else', async () => {
    const gate = await open(accounts, manualClock(), LOG2_N);
    assert.deepEqual(await gate.authenticate(basic('alice:correct: horse'), '192.0.2.1'), {
      name: 'alice',
      isReadOnly: false,
      path: [],
    });
    const others = [
      'alice:',
      'alice:correct',
      'alice:correct: horse ',
      'Alice:correct: horse',
      ':correct: horse',
      ':',
    ];
    for (const [index, wrong] of others.entries()) {
      assert.equal(await gate.authenticate(basic(wrong), `192.0.2.${index + 10}`), undefined, wrong);
    }
  });

  test('knows no account by a name that every object has', async () => {
    const gate = await open(accounts, manualClock(), LOG2_N);
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
      for (const text of [name, `${name}:`, `${name}:${name}`, `${name}:undefined`, `${name}:function`]) {
        assert.equal(await gate.authenticate(basic(text), `192.0.2.1`), undefined, text);
      }
    }
  });

  test('can have an account of such a name', async () => {
    const gate = await open([{ name: '__proto__', password: 'p' }], manualClock(), LOG2_N);
    assert.deepEqual(await gate.authenticate(basic('__proto__:p'), '192.0.2.1'), {
      name: '__proto__',
      isReadOnly: false,
      path: [],
    });
    assert.equal(await gate.authenticate(basic('__proto__:q'), '192.0.2.1'), undefined);
  });

  test('knows verified credentials again without hashing, for five minutes', async () => {
    const clock = manualClock();
    const gate = await open(accounts, clock, 15);
    const cost = async (): Promise<number> => {
      const before = process.cpuUsage();
      assert.ok(await gate.authenticate(basic('alice:correct: horse'), '192.0.2.1'));
      const used = process.cpuUsage(before);
      return (used.user + used.system) / 1000;
    };
    const firstMs = await cost();
    const againMs = await cost();
    clock.pass(5 * 60_000);
    const lateMs = await cost();
    assert.ok(againMs * 5 < firstMs, `first ${firstMs} ms, again ${againMs} ms`);
    assert.ok(againMs * 5 < lateMs, `again ${againMs} ms, late ${lateMs} ms`);
  });

  test('spends the same on an unknown name as on a wrong password', async () => {
    const gate = await open(accounts, manualClock(), 14);
    const medianMs = async (text: (n: number) => string): Promise<number> => {
      const times: number[] = [];
      for (let n = 0; n < 9; n += 1) {
        const before = process.cpuUsage();
        assert.equal(await gate.authenticate(basic(text(n)), `192.0.2.${n}`), undefined);
        const used = process.cpuUsage(before);
        times.push(used.user + used.system);
      }
      return times.sort((a, b) => a - b)[4] ?? 0;
    };
    const wrong = await medianMs((n) => `alice:wrong${n}`);
    const unknown = await medianMs((n) => `bob:wrong${n}`);
    assert.ok(unknown > wrong / 2 && unknown < wrong * 2, `wrong ${wrong} us, unknown ${unknown} us`);
  });

  test('makes an address that fails wait longer and longer, others not', async () => {
    const clock = manualClock();
    const gate = await open(accounts, clock, LOG2_N);
    for (let n = 0; n < 10; n += 1) {
      assert.equal(await gate.authenticate(basic(`alice:guess${n}`), '192.0.2.1'), undefined);
    }
    assert.deepEqual(clock.sleptMs, [250, 500, 1000, 2000, 4000, 5000, 5000]);
    clock.sleptMs.length = 0;
    assert.ok(await gate.authenticate(basic('alice:correct: horse'), '192.0.2.2'));
    assert.deepEqual(clock.sleptMs, []);
  });

  test('counts the addresses of one IPv6 network as one', async () => {
    const clock = manualClock();
    const gate = await open(accounts, clock, LOG2_N);
    for (let n = 0; n < 5; n += 1) {
      await gate.authenticate(basic(`alice:guess${n}`), `2001:db8::${n}`);
    }
    assert.deepEqual(clock.sleptMs, [250, 500]);
  });

  test('forgets failures after a right password and after a quarter of an hour', async () => {
    const clock = manualClock();
    const gate = await open(accounts, clock, LOG2_N);
    const fail = async (times: number): Promise<void> => {
      for (let n = 0; n < times; n += 1) {
        await gate.authenticate(basic(`alice:guess${n}`), '192.0.2.1');
      }
    };
    await fail(4);
    assert.ok(await gate.authenticate(basic('alice:correct: horse'), '192.0.2.1'));
    clock.sleptMs.length = 0;
    await fail(3);
    assert.deepEqual(clock.sleptMs, []);
    clock.pass(15 * 60_000 + 1);
    await fail(3);
    assert.deepEqual(clock.sleptMs, []);
  });

  test('verifies once what many connections send at once', async () => {
    const gate = await open(accounts, systemClock, LOG2_N);
    const all = await Promise.all(
      Array.from({ length: 100 }, () => gate.authenticate(basic('alice:correct: horse'), '192.0.2.1')),
    );
    assert.ok(all.every((principal) => principal?.name === 'alice'));
  });

  test('turns away what would pile up, from one address and from many', async () => {
    const gate = await open(accounts, systemClock, LOG2_N);
    const burst = async (address: (n: number) => string): Promise<number> => {
      const tries = Array.from({ length: 100 }, (_, n) =>
        gate.authenticate(basic(`alice:guess${n}`), address(n)),
      );
      const settled = await Promise.allSettled(tries);
      const rejected = settled.filter((one) => one.status === 'rejected');
      assert.ok(rejected.every((one) => hasCode(one.reason, 'unavailable')));
      return settled.length - rejected.length;
    };
    assert.equal(await burst(() => '192.0.2.1'), 4);
    assert.equal(await burst((n) => `198.51.100.${n}`), 32);
    assert.ok(await gate.authenticate(basic('alice:correct: horse'), '203.0.113.1'));
  });
});

describe('tokens and changes', () => {
  const secret = `twd_${'A'.repeat(43)}`;
  const token: AppToken = {
    id: 't1',
    label: 'phone',
    hash: sha256(secret),
    isReadOnly: true,
    path: ['Photos'],
    createdAt: '2026-01-01T00:00:00Z',
  };
  const from = (authorization: string, address = '192.0.2.1') => ({
    authorization,
    address,
  });

  test('a token gives its own rights, by Basic and Bearer, until it is taken back', async () => {
    const alice = await account('alice', 'p', { tokens: [token] });
    const bob = await account('bob', 'q');
    const logins = await Logins.create(
      new Map([
        ['alice', alice],
        ['bob', bob],
      ]),
      {
        clock: manualClock(),
        log: logLines().log,
        log2N: LOG2_N,
      },
    );
    const want = { name: 'alice', isReadOnly: true, path: ['Photos'] };
    const both = [basic(`alice:${secret}`), `Bearer ${secret}`];
    for (const sent of both) {
      assert.deepEqual(await logins.authenticate(from(sent)), want);
    }
    assert.equal(await logins.authenticate(from(basic(`bob:${secret}`))), undefined);
    logins.update(
      new Map([
        ['alice', { ...alice, tokens: [] }],
        ['bob', bob],
      ]),
    );
    for (const sent of both) {
      assert.equal(await logins.authenticate(from(sent)), undefined);
    }
  });

  test('a changed password and a leaving account fail at the next request', async () => {
    const alice = await account('alice', 'p');
    const logins = await Logins.create(new Map([['alice', alice]]), {
      clock: manualClock(),
      log: logLines().log,
      log2N: LOG2_N,
    });
    assert.ok(await logins.authenticate(from(basic('alice:p'))));
    const changed = await account('alice', 'new');
    const running = logins.authenticate(from(basic('alice:new')));
    logins.update(new Map([['alice', changed]]));
    assert.ok(await running);
    assert.equal(await logins.authenticate(from(basic('alice:p'))), undefined);
    logins.update(new Map([['alice', { ...changed, isLeaving: true }]]));
    assert.equal(await logins.authenticate(from(basic('alice:new'))), undefined);
    assert.equal(logins.principalOf('alice'), undefined);
  });

  test('blocks an address that goes on for some minutes, but not where it was in before', async () => {
    const clock = manualClock();
    const accounts = new Map([
      ['ann', await account('ann', 'right')],
      ['bert', await account('bert', 'right')],
    ]);
    const logins = await Logins.create(accounts, { clock, log: logLines().log, log2N: LOG2_N });
    assert.ok(await logins.authenticate(from(basic('bert:right'))));
    for (let guess = 0; guess < 20; guess += 1) {
      assert.equal(await logins.authenticate(from(basic(`ann:${guess}`))), undefined);
    }
    await assert.rejects(logins.authenticate(from(basic('ann:right'))), { code: 'locked' });
    assert.ok(await logins.authenticate(from(basic('bert:right'))), 'what is known already passes');
    logins.update(new Map([...accounts, ['bert', await account('bert', 'new')]]));
    assert.ok(await logins.authenticate(from(basic('bert:new'))), 'this address was in before');
    clock.pass(5 * 60_000);
    assert.ok(await logins.authenticate(from(basic('ann:right'))));
  });

  test('guesses from many addresses slow strangers, not the address that was in before', async () => {
    const clock = manualClock();
    const logins = await Logins.create(new Map([['alice', await account('alice', 'p')]]), {
      clock,
      log: logLines().log,
      log2N: LOG2_N,
    });
    assert.ok(await logins.authenticate(from(basic('alice:p'))));
    for (let n = 0; n < 20; n += 1) {
      await logins.authenticate(from(basic(`alice:guess${n}`), `198.51.100.${n}`));
    }
    clock.pass(5 * 60_000);
    clock.sleptMs.length = 0;
    assert.ok(await logins.authenticate(from(basic('alice:p'))));
    assert.deepEqual(clock.sleptMs, []);
    await logins.authenticate(from(basic('alice:x'), '203.0.113.9'));
    assert.deepEqual(clock.sleptMs, [1_000]);
  });

  test('a failure is one line, which the name can not forge, and has no name that is none of ours', async () => {
    const { log, lines } = logLines();
    const forging = 'x address=192.0.2.99';
    const accounts = new Map([[forging, await account(forging, 'right')]]);
    const logins = await Logins.create(accounts, { clock: manualClock(), log, log2N: LOG2_N });
    await logins.authenticate(from(basic(`${forging}:hush`)));
    await logins.authenticate(from(basic('my password:hush')));
    assert.equal(lines.length, 2);
    const text = JSON.stringify(lines);
    assert.ok(text.includes('x%20address%3D192.0.2.99') && text.includes('login failed'), text);
    assert.doesNotMatch(text, /hush|my.{1,3}password/);
  });
});
