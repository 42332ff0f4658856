// litmus, the WebDAV conformance suite, against the whole program.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import type { WriteMode } from '../../src/config-writes.ts';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';
import { embeddedGrid, type RunningGrid, realGrid, type ServedGrid } from './grids.ts';
import { apache, nginx, type ProxyOptions, type ProxyProgram, startProxy, TRUSTED } from './proxy.ts';
import { ACCOUNT, runClient, toolSkip } from './real-client.ts';
import { startServer } from './server-process.ts';

/** basic 16, copymove 13, props 30, locks 41, http 4. */
const ALL = 104;
/** By TLS litmus itself leaves out expect100, which writes to the socket. */
const ALL_BY_TLS = 103;

interface Setting {
  readonly baseUrl: '' | '/dav';
  readonly hasAccount: boolean;
  readonly writeMode: WriteMode;
  /** Spoken by the server itself. */
  readonly isTls?: boolean;
  readonly proxy?: ProxyOptions & { readonly program: ProxyProgram };
}

const PLAIN: Setting = { baseUrl: '', hasAccount: false, writeMode: 'back' };
const FULL: Setting = { ...PLAIN, baseUrl: '/dav', hasAccount: true };

/** The path and Host passed through; TLS ended there; the path taken off and Host changed. */
function behind(program: ProxyProgram): readonly Setting[] {
  return [
    { ...PLAIN, proxy: { program, shape: 'own name', isTls: false } },
    { ...FULL, proxy: { program, shape: 'own name', isTls: true } },
    { ...PLAIN, proxy: { program, shape: 'path', isTls: false } },
  ];
}

/** Every way to serve is tried on the grid that answers at once, each option on the real one (half a minute a run). */
const settingsOn: ReadonlyArray<readonly [ServedGrid, readonly Setting[]]> = [
  [
    embeddedGrid,
    [
      PLAIN,
      { ...PLAIN, hasAccount: true },
      { ...PLAIN, baseUrl: '/dav' },
      FULL,
      { ...PLAIN, writeMode: 'through' },
      { ...FULL, writeMode: 'through' },
      { ...PLAIN, isTls: true },
      ...behind(nginx),
      ...behind(apache),
    ],
  ],
  [realGrid, [PLAIN, FULL, { ...FULL, proxy: { program: apache, shape: 'path', isTls: true } }]],
];

function nameOf({ baseUrl, hasAccount, isTls, proxy, writeMode }: Setting): string {
  const account = `${hasAccount ? 'with' : 'without'} an account`;
  const way = proxy
    ? `, behind ${proxy.program.name} by ${proxy.shape === 'path' ? 'a path' : 'a name'} of its own`
    : '';
  const tls = isTls || proxy?.isTls ? ', by TLS' : '';
  return `under ${baseUrl}/ ${account}${way}${tls}, written ${writeMode}`;
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
      const { baseUrl, hasAccount, writeMode, isTls, proxy: front } = setting;
      const skip = front && toolSkip(front.program.command, front.program.debianPackage);
      test(`passes all of it ${nameOf(setting)}`, { skip, timeout: 600_000 }, async () => {
        await using root = await temporaryFolder();
        await using server = await startServer({
          writeMode,
          args: [
            ...(await running.newRoot(root.path)),
            ...(baseUrl === '' ? [] : ['--baseurl', baseUrl]),
            ...(isTls ? ['--tls', 'self-signed'] : []),
            ...(front ? TRUSTED : []),
            ...(hasAccount ? ['--user', ACCOUNT.name, '--password-file', folder.file('password')] : []),
          ],
        });
        assert.match(server.url, new RegExp(`:\\d+${baseUrl}/$`));
        await using proxy = front && (await startProxy(front.program, server.url, front));
        const credentials = hasAccount ? [ACCOUNT.name, ACCOUNT.password] : [];
        const { verdict, output } = await runClient('litmus.sh', proxy?.url ?? server.url, credentials);
        const isByTls = isTls || front?.isTls;
        assert.equal(verdict, `PASS ${isByTls ? ALL_BY_TLS : ALL} FAIL 0`, output);
        await server.flush();
        assert.doesNotMatch(server.stderr(), / (error|fatal): /);
      });
    }
  });
}
