import assert from 'node:assert/strict';
import { access, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, test } from 'node:test';
import {
  type AccountMap,
  AccountsSource,
  type AccountsSourceParts,
} from '../../src/accounts/accounts-source.ts';
import { FsError } from '../../src/base/errors.ts';
import { isPassword } from '../../src/seal/password.ts';
import { type LogLine, logLines } from '../fakes/log-lines.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';

const CAP = 'URI:DIR2:jorlhg5grksmf2vz7cgebpvg5i:aqbratgbhb6itq6uk3svcas4cap3d7tcf2mketscph4unhvfwx4a';
const WARN = 40;
const ERROR = 50;

describe('AccountsSource', () => {
  let folder: TemporaryFolder;
  let file: string;
  let clock: ManualClock;
  let lines: LogLine[];
  let parts: AccountsSourceParts;
  let source: AccountsSource;
  let told: AccountMap[];
  beforeEach(async () => {
    folder = await temporaryFolder();
    file = folder.file('accounts.yaml');
    clock = new ManualClock();
    const logged = logLines();
    lines = logged.lines;
    const read = (): Promise<string> => readFile(file, 'utf8');
    const write = async (change: (text: string) => string): Promise<void> =>
      await writeFile(file, change(await read()));
    parts = { file, read, write, clock, log: logged.log };
    told = [];
  });
  afterEach(async () => {
    await source?.stop();
    await folder[Symbol.asyncDispose]();
  });

  async function open(text: string, more: Partial<AccountsSourceParts> = {}): Promise<void> {
    await writeFile(file, text);
    source = await AccountsSource.open({ ...parts, ...more });
    source.watch(async (accounts) => {
      told.push(accounts);
    });
  }

  /** Looks as often as `ms` allow; disks take their own time. */
  async function pass(ms: number): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += 500) {
      await clock.advance(500);
      for (let i = 0; i < 5_000 && clock.waiting === 0; i += 1) {
        await access(folder.path);
      }
    }
  }

  const of = (...names: string[]): string =>
    `accounts:\n${names.map((name) => `  ${name}: {mounts: {/: root}}\n`).join('')}`;
  const names = (accounts: AccountMap | undefined): readonly string[] => [...(accounts?.keys() ?? [])];
  const errors = (level = ERROR): LogLine[] => lines.filter((line) => line.level === level);

  test('tells of a change within seconds, once', async () => {
    await open(of('alice'));
    assert.deepEqual(names(source.accounts), ['alice']);
    await pass(5_000);
    assert.equal(told.length, 0);
    await writeFile(file, of('alice', 'bob'));
    await pass(3_000);
    assert.deepEqual(told.map(names), [['alice', 'bob']]);
    await pass(10_000);
    assert.equal(told.length, 1);
    assert.deepEqual(names(source.accounts), ['alice', 'bob']);
  });

  test('tells of a file that was put in its place', async () => {
    await open(of('alice'));
    await writeFile(folder.file('new'), of('carol'));
    await rename(folder.file('new'), file);
    await pass(3_000);
    assert.deepEqual(told.map(names), [['carol']]);
  });

  test('does not believe a file that is just being written', async () => {
    await open(of('alice', 'bob'));
    await pass(1_500);
    await writeFile(file, '');
    await pass(500); // seen empty
    await writeFile(file, 'accounts:\n  alice: {mou');
    await pass(500); // seen half
    await writeFile(file, of('alice', 'bob', 'carol'));
    await pass(3_000);
    assert.deepEqual(told.map(names), [['alice', 'bob', 'carol']]);
    assert.deepEqual(errors(), []);
  });

  for (const [what, spoil] of [
    ['can not be read as accounts', () => writeFile(file, 'accounts: {a: {mounts: {/: URI:DIR2:x}}}')],
    ['is away', () => rm(file)],
  ] as const) {
    test(`says once that the file ${what}, and goes on with the accounts of before`, async () => {
      let reads = 0;
      await open(of('alice'), {
        read: () => {
          reads += 1;
          return readFile(file, 'utf8').catch((error: unknown) => {
            throw new FsError('bad-config', 'there is no file', { cause: error });
          });
        },
      });
      await spoil();
      await pass(90_000);
      assert.deepEqual([told.length, errors().length], [0, 1]);
      assert.ok(reads <= 5, `${reads} reads: one of a sealed file takes half a second of work`);
      assert.match(String(errors()[0]?.msg), /the accounts stay as they were/);
      assert.doesNotMatch(JSON.stringify(lines), /DIR2/);
      assert.deepEqual(names(source.accounts), ['alice']);
      await writeFile(file, of('bob'));
      await pass(3_000);
      assert.deepEqual(told.map(names), [['bob']]);
    });
  }

  test('tries a version again that could not be taken', async () => {
    await open(of('alice'));
    let failures = 2;
    source.watch(async (accounts) => {
      failures -= 1;
      if (failures >= 0) {
        throw new FsError('unavailable', 'not now');
      }
      told.push(accounts);
    });
    await writeFile(file, of('bob'));
    await pass(100_000);
    assert.deepEqual(told.map(names), [['bob']]);
    assert.equal(errors().length, 1);
  });

  test('reads at once when it is asked to', async () => {
    await open(of('alice'));
    await writeFile(file, of('bob'));
    await source.reload();
    assert.deepEqual(told.map(names), [['bob']]);
    await pass(5_000);
    assert.equal(told.length, 1);
  });

  test('does not begin with a file that can not be used', async () => {
    await assert.rejects(open('accounts: [a]'), { code: 'bad-config' });
  });

  test('looks no more once it was stopped', async () => {
    await open(of('alice'));
    await source.stop();
    await writeFile(file, of('bob'));
    await clock.advance(10_000);
    await source.reload();
    assert.deepEqual([told.length, clock.waiting], [0, 0]);
  });

  test('drops removed accounts that are still marked so, and leaves the rest as it was written', async () => {
    await open('# ours\naccounts:\n  alice: {leaving: true}\n  bob: {leaving: false}\n  carol: {} # stays\n');
    await source.drop(['alice', 'bob', 'nobody']);
    assert.equal(
      await readFile(file, 'utf8'),
      '# ours\naccounts:\n  bob: { leaving: false }\n  carol: {} # stays\n',
    );
    await pass(3_000);
    assert.deepEqual(told.map(names), [['bob', 'carol']]);
  });

  test('goes on where the file can not be written', async () => {
    const text = 'accounts:\n  alice: {leaving: true}\n';
    await open(text, {
      write: async () => {
        throw new FsError('denied', 'it can not be written');
      },
    });
    await source.drop(['alice']);
    assert.equal(errors(WARN).filter(({ msg }) => /could not be taken out/.test(msg)).length, 1);
    await source.stop();
    await open(text, { write: undefined });
    await source.drop(['alice']);
    assert.equal(await readFile(file, 'utf8'), text);
  });

  test('serves the accounts of the SFTP front end, and says who can not log in', async () => {
    await open(`alice geheim ${CAP}\nbob ssh-ed25519 AAAAC3Nz ${CAP}\n`);
    const { password, mounts } = source.accounts.get('alice') ?? {};
    assert.ok(password && (await isPassword('geheim', password)));
    assert.deepEqual(mounts, [{ path: [], cap: CAP, isReadOnly: false }]);
    const [warning] = errors(WARN);
    assert.deepEqual(warning?.['accounts'], ['bob']);
    assert.doesNotMatch(JSON.stringify(lines), /geheim|DIR2|AAAAC3/);
  });
});
