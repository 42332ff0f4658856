// litmus, the WebDAV conformance suite, against the whole program.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import type { WriteMode } from '../../src/config-writes.ts';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';
import { embeddedGrid, type RunningGrid, realGrid, type ServedGrid } from './grids.ts';
import { startNginx } from './nginx.ts';
import { ACCOUNT, runClient, toolSkip } from './real-client.ts';
import { startServer } from './server-process.ts';

/** basic 16, copymove 13, props 30, locks 41, http 4. */
const ALL = 'PASS 104 FAIL 0';

interface Setting {
  readonly baseUrl: '' | '/dav';
  readonly hasAccount: boolean;
  readonly isProxied: boolean;
  readonly writeMode: WriteMode;
}

const PLAIN: Setting = { baseUrl: '', hasAccount: false, isProxied: false, writeMode: 'back' };
/** Every way to serve is tried on the grid that answers at once, each option on the real one (half a minute a run). */
const settingsOn: ReadonlyArray<readonly [ServedGrid, readonly Setting[]]> = [
  [
    embeddedGrid,
    [
      PLAIN,
      { ...PLAIN, hasAccount: true },
      { ...PLAIN, baseUrl: '/dav' },
      { ...PLAIN, baseUrl: '/dav', hasAccount: true },
      { ...PLAIN, isProxied: true },
      { ...PLAIN, baseUrl: '/dav', hasAccount: true, isProxied: true },
      { ...PLAIN, writeMode: 'through' },
      { ...PLAIN, baseUrl: '/dav', hasAccount: true, writeMode: 'through' },
    ],
  ],
  [
    realGrid,
    [PLAIN, { ...PLAIN, baseUrl: '/dav', hasAccount: true }, { ...PLAIN, baseUrl: '/dav', isProxied: true }],
  ],
];

function nameOf({ baseUrl, hasAccount, isProxied, writeMode }: Setting): string {
  const proxy = isProxied ? ', behind nginx' : '';
  return `under ${baseUrl}/ ${hasAccount ? 'with' : 'without'} an account${proxy}, written ${writeMode}`;
}

for (const [grid, settings] of settingsOn) {
  describe(`litmus against the program on ${grid.name}`, {
    skip: toolSkip('litmus', 'litmus') || grid.skip,
  }, () => {
    let folder: TemporaryFolder;
    let running: RunningGrid;
    before(async () => {
      folder = await temporaryFolder();
      await writeFile(folder.file('password'), `${ACCOUNT.password}\n`, { mode: 0o600 });
      running = await grid.start();
    });
    after(async () => {
      await running?.[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });

    for (const setting of settings) {
      const { baseUrl, hasAccount, isProxied, writeMode } = setting;
      const skip = isProxied && toolSkip('nginx', 'nginx-light');
      test(`passes all of it ${nameOf(setting)}`, { skip, timeout: 600_000 }, async () => {
        await using root = await temporaryFolder();
        await using server = await startServer({
          writeMode,
          args: [
            ...(await running.newRoot(root.path)),
            ...(baseUrl === '' ? [] : ['--baseurl', baseUrl]),
            ...(hasAccount ? ['--user', ACCOUNT.name, '--password-file', folder.file('password')] : []),
          ],
        });
        assert.match(server.url, new RegExp(`:\\d+${baseUrl}/$`));
        await using proxy = isProxied ? await startNginx(server.url) : undefined;
        const credentials = hasAccount ? [ACCOUNT.name, ACCOUNT.password] : [];
        const { verdict, output } = await runClient('litmus.sh', proxy?.url ?? server.url, credentials);
        assert.equal(verdict, ALL, output);
        await server.flush();
        assert.doesNotMatch(server.stderr(), / (error|fatal): /);
      });
    }
  });
}
