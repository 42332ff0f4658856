// `tahoe-webdav user ...` as a user runs it, on an accounts file in a folder of its own. Each run is searched for secrets.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAccounts } from '../../src/accounts/accounts-file.ts';
import type { AccountMap } from '../../src/accounts/accounts-source.ts';
import { bin, type Ended, run } from './run.ts';

// Of the form of real ones, and nobody's.
export const CAP = 'URI:DIR2:jorlhg5grksmf2vz7cgebpvg5i:aqbratgbhb6itq6uk3svcas4cap3d7tcf2mketscph4unhvfwx4a';
export const READ_CAP =
  'URI:DIR2-RO:ua5vvxkxl53zqm5ltiag3jwwtq:3fcskhv5r2yce5a5etwtsncpvx2tbrttco4htcsrvmiq7yu7spgq';
export const PASSWORD = 'Sesam öffne dich';

export class UserCommands implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'user-commands-'));
  /** Not there at first, nor its folder. */
  readonly accounts: string = join(this.folder, 'sub/folder/accounts.yaml');
  readonly capFile: string = this.write('cap', `${CAP}\n`);
  readonly readCapFile: string = this.write('read-cap', `${READ_CAP}\n`);

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }

  write(name: string, text: string, mode = 0o600): string {
    const file = join(this.folder, name);
    writeFileSync(file, text, { mode });
    return file;
  }

  text(): string {
    return readFileSync(this.accounts, 'utf8');
  }

  parsed(): AccountMap {
    return parseAccounts(this.text(), this.accounts);
  }

  async run(
    args: readonly string[],
    {
      stdin = '',
      env = {},
      script = bin,
      accounts = this.accounts,
    }: {
      stdin?: string;
      env?: Readonly<Record<string, string>>;
      script?: string;
      accounts?: string | undefined;
    } = {},
  ): Promise<Ended> {
    const ended = await run(script, ['user', ...args, '--accounts', accounts], env, stdin);
    const said = ended.stdout + ended.stderr;
    assert.doesNotMatch(said, /URI:|jorlhg|ua5vvx|\$scrypt|Sesam|geheim/, 'a secret was shown');
    assert.doesNotMatch(said, /\n\s+at /, 'a stack was shown');
    return ended;
  }

  /** By its password on standard input; must succeed. */
  async add(name: string, ...more: readonly string[]): Promise<Ended> {
    const ended = await this.run(
      ['add', name, '--mount', `/=${this.capFile}`, '--password-file', '-', ...more],
      { stdin: `${PASSWORD}\n` },
    );
    assert.deepEqual([ended.code, ended.stderr], [0, '']);
    return ended;
  }
}
