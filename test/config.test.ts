import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { FsError } from '../src/base/errors.ts';
import { type Config, loadCacheConfig, loadCreateRootConfig, loadServeConfig } from '../src/config.ts';
import type { CacheCommandName } from '../src/config-commands.ts';
import { environmentName, OPTION_NAMES } from '../src/config-options.ts';
import { firstLine, parseAliases } from '../src/config-secrets.ts';
import type { ConfigSources } from '../src/config-settings.ts';
import * as values from '../src/config-values.ts';

// Of the form of a real one, and nobody's.
const CAP = 'URI:DIR2:aaaaaaaaaaaaaaaaaaaaaaaaaa:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'));
});
after(() => rmSync(folder, { recursive: true }));

function sources(env: Record<string, string> = {}, stdin = ''): ConfigSources {
  return { env, homeDir: join(folder, 'home'), readStdin: async () => stdin };
}

let files = 0;
function file(text: string, mode = 0o600): string {
  files += 1;
  const path = join(folder, `file-${files}`);
  writeFileSync(path, text, { mode });
  return path;
}

type Flags = Readonly<Record<string, unknown>>;

async function serveConfig(flags: Flags, env: Record<string, string> = {}): Promise<Config> {
  return (await loadServeConfig(flags, sources(env))).config;
}

/** Rejects with one `bad-config` line that matches, and repeats no secret. */
async function refuses(loading: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(loading, (error) => {
    assert.ok(error instanceof FsError, String(error));
    assert.equal(error.code, 'bad-config');
    const line = `${error.message} (${error.hint ?? ''})`;
    assert.match(line, message);
    assert.doesNotMatch(line, /\n|aaaaaaaa|URI:DIR2:/);
    return true;
  });
}

describe('parsing of values', () => {
  const good: Array<[string, (text: string) => unknown, string, unknown]> = [
    ['time', values.parseTimeMs, '10', 10_000],
    ['time', values.parseTimeMs, '500ms', 500],
    ['time', values.parseTimeMs, '10s', 10_000],
    ['time', values.parseTimeMs, '5m', 300_000],
    ['time', values.parseTimeMs, '2h', 7_200_000],
    ['time', values.parseTimeMs, '1d', 86_400_000],
    ['time', values.parseTimeMs, '0', Number.POSITIVE_INFINITY],
    ['time', values.parseTimeMs, '0s', Number.POSITIVE_INFINITY],
    ['time', values.parseTimeMs, 'OFF', Number.POSITIVE_INFINITY],
    ['delay', values.parseDelayMs, '5s', 5_000],
    ['delay', values.parseDelayMs, '0', 0],
    ['delay', values.parseDelayMs, 'off', 0],
    ['time to keep', values.parseKeepMs, '3650d', 3650 * 86_400_000],
    ['time to keep', values.parseKeepMs, 'Off', 0],
    ['rates', values.parseRates, '1M', { up: 2 ** 20, down: Number.POSITIVE_INFINITY }],
    ['rates', values.parseRates, 'off:2K', { up: Number.POSITIVE_INFINITY, down: 2048 }],
    ['rates', values.parseRates, 'off', { up: Number.POSITIVE_INFINITY, down: Number.POSITIVE_INFINITY }],
    ['size', values.parseSizeBytes, '17', 17],
    ['size', values.parseSizeBytes, '1K', 1024],
    ['size', values.parseSizeBytes, '2Ki', 2048],
    ['size', values.parseSizeBytes, '3Mi', 3 * 1024 ** 2],
    ['size', values.parseSizeBytes, '4g', 4 * 1024 ** 3],
    ['size', values.parseSizeBytes, '5T', 5 * 1024 ** 4],
    ['size', values.parseSizeBytes, 'off', Number.POSITIVE_INFINITY],
    ['flag', values.parseFlag, 'Yes', true],
    ['flag', values.parseFlag, '0', false],
    ['base URL', values.parseBaseUrl, '/', ''],
    ['base URL', values.parseBaseUrl, '/dav/', '/dav'],
    ['base URL', values.parseBaseUrl, '/a/b.c_~', '/a/b.c_~'],
    ['host', values.parseHost, '[::1]', '::1'],
    ['host', values.parseHost, 'NAS.local.', 'nas.local'],
    [
      'node',
      values.parseNodeUrl,
      'http://127.0.0.1:3456/',
      { url: 'http://127.0.0.1:3456', socketPath: undefined },
    ],
    ['node', values.parseNodeUrl, 'https://a.b/tahoe//', { url: 'https://a.b/tahoe', socketPath: undefined }],
    ['node', values.parseNodeUrl, 'unix:/run/t.sock', { url: 'http://localhost', socketPath: '/run/t.sock' }],
    ['alias', values.parseAliasName, 'work:', 'work'],
    ['root id', values.parseRootId, 'ab27', 'ab27'],
    ['count', values.parseCountOrOff, 'off', Number.POSITIVE_INFINITY],
  ];
  for (const [what, parse, text, value] of good) {
    test(`reads the ${what} ${text}`, () => assert.deepEqual(parse(text), value));
  }
  const bad: Array<[string, (text: string) => unknown, string]> = [
    ...['', '-1', '1.5h', '1w', '10 s', 's', '25d', '999999999999h', '1e3', '0x10', 'Infinity'].map(
      (text) => ['time', values.parseTimeMs, text] as [string, (text: string) => unknown, string],
    ),
    ...['', '-1', '1.5K', '10MB', '1P', 'K', '99999999999T', '0x10'].map(
      (text) => ['size', values.parseSizeBytes, text] as [string, (text: string) => unknown, string],
    ),
    ['delay', values.parseDelayMs, '25d'],
    ['delay', values.parseDelayMs, 'soon'],
    ['time to keep', values.parseKeepMs, '999999999999999d'],
    ...['', ':', '1M:', ':1M', '1M:2M:3M', 'fast'].map(
      (text) => ['rates', values.parseRates, text] as [string, (text: string) => unknown, string],
    ),
    ['flag', values.parseFlag, 'maybe'],
    ['base URL', values.parseBaseUrl, 'dav'],
    ['base URL', values.parseBaseUrl, '/a//b'],
    ['base URL', values.parseBaseUrl, '/a b'],
    ['base URL', values.parseBaseUrl, '/a%20b'],
    ['base URL', values.parseBaseUrl, '/../b'],
    ['base URL', values.parseBaseUrl, '/-'],
    ['base URL', values.parseBaseUrl, '/a?b'],
    ['host', values.parseHost, 'a:80'],
    ['host', values.parseHost, 'http://a'],
    ['host', values.parseHost, '300.1.1.1'],
    ['node', values.parseNodeUrl, '127.0.0.1:3456'],
    ['node', values.parseNodeUrl, 'ftp://a'],
    ['node', values.parseNodeUrl, 'http://'],
    ['node', values.parseNodeUrl, 'http://u:p@a'],
    ['node', values.parseNodeUrl, 'http://a/?t=json'],
    ['user', values.parseUserName, 'a:b'],
    ['user', values.parseUserName, 'a\nb'],
    ['alias', values.parseAliasName, 'a b'],
    ['root id', values.parseRootId, ''],
    ['root id', values.parseRootId, 'AB'],
    ['root id', values.parseRootId, 'a1'],
    ['root id', values.parseRootId, '..'],
    ['root id', values.parseRootId, 'a'.repeat(27)],
    ['alias', values.parseAliasName, ':'],
    ['count', values.parseCountOrOff, '-5'],
    ['count', values.parseCountOrOff, '20k'],
  ];
  for (const [what, parse, text] of bad) {
    test(`refuses the ${what} ${JSON.stringify(text)}`, () =>
      assert.throws(() => parse(text), values.BadValue));
  }
});

describe('firstLine', () => {
  for (const [text, line] of [
    ['a', 'a'],
    ['\n \r\n  a b \r\nc', 'a b'],
    ['\ufeffa', 'a'],
    ['\n\n', undefined],
  ] as const) {
    test(`of ${JSON.stringify(text)} is ${line}`, () => assert.equal(firstLine(text), line));
  }
});

describe('parseAliases', () => {
  test('reads the lines that are aliases', () => {
    const text = `# mine\n\nwork: ${CAP}\n  home :URI:DIR2-RO:x:y  \nbroken\n__proto__: z\n`;
    assert.deepEqual(
      [...parseAliases(text)],
      [
        ['work', CAP],
        ['home', 'URI:DIR2-RO:x:y'],
        ['__proto__', 'z'],
      ],
    );
  });
});

describe('loadServeConfig', () => {
  test('needs nothing: loopback, embedded gateway, XDG directories', async () => {
    const { config, warnings } = await loadServeConfig({}, sources());
    const home = join(folder, 'home');
    assert.deepEqual(config, {
      listen: [{ kind: 'tcp', host: '127.0.0.1', port: 8080 }],
      baseUrl: '',
      nodeUrl: undefined,
      nodeSocketPath: undefined,
      rootCapText: undefined,
      isReadOnly: false,
      isSoleWriter: false,
      dataDir: join(home, '.local/share/tahoe-webdav'),
      cacheDir: join(home, '.local/state/tahoe-webdav'),
      configDir: join(home, '.config/tahoe-webdav'),
      runtimeDir: undefined,
      store: 'sqlite',
      writeMode: 'back',
      writeBackMs: 5_000,
      transfers: 4,
      maxDirtyBytes: 5 * 2 ** 30,
      isFsynced: true,
      uploadBytesPerSecond: undefined,
      downloadBytesPerSecond: undefined,
      shutdownGraceMs: 30_000,
      trashKeepMs: 30 * 86_400_000,
      litter: { appleDouble: 'keep', litter: 'keep' },
      cacheMaxBytes: 10 * 2 ** 30,
      cacheMinFreeBytes: 256 * 2 ** 20,
      bufferBytes: 32 * 2 ** 20,
      metaBufferBytes: 64 * 2 ** 20,
      account: undefined,
      accounts: undefined,
      tls: undefined,
      allowedHosts: [],
      trustedProxies: [],
      userHeader: undefined,
      dirCacheTimeMs: 10_000,
      netTimeoutMs: 30_000,
      maxConnections: 10,
      gridRetries: 3,
      propfindMax: 20_000,
      logLevel: 'info',
      logFormat: 'text',
    });
    assert.deepEqual(warnings, []);
    assert.ok(Object.isFrozen(config));
  });

  test('follows XDG variables, absolute ones only', async () => {
    const config = await serveConfig(
      {},
      {
        XDG_DATA_HOME: '/x/data',
        XDG_STATE_HOME: 'relative',
        XDG_CONFIG_HOME: '',
        XDG_RUNTIME_DIR: '/run/1',
      },
    );
    assert.equal(config.runtimeDir, '/run/1');
    assert.equal((await serveConfig({}, { XDG_RUNTIME_DIR: 'run' })).runtimeDir, undefined);
    assert.equal(config.dataDir, '/x/data/tahoe-webdav');
    assert.equal(config.cacheDir, join(folder, 'home', '.local/state/tahoe-webdav'));
  });

  test('reads every option from the command line', async () => {
    const config = await serveConfig({
      addr: ['127.0.0.1:0', '127.0.0.1:0', '[::1]:80', '[::1]:80', 'unix:/tmp/x'],
      baseurl: '/dav',
      'node-url': 'http://127.0.0.1:3456/',
      'rootcap-file': file(`\n${CAP}\nmore\n`),
      'read-only': true,
      'sole-writer': true,
      'data-dir': 'relative',
      'cache-dir': '~/cache',
      store: 'memory:',
      'write-mode': 'through',
      'write-back': '0',
      transfers: '8',
      'cache-max-dirty': 'off',
      durability: 'os',
      bwlimit: '1M:2M',
      'shutdown-grace': 'off',
      'trash-keep': '365d',
      'apple-double': 'refuse',
      litter: 'keep',
      'cache-max-size': '0',
      'cache-min-free-space': 'off',
      'buffer-size': '1M',
      'meta-buffer-size': '0',
      user: 'alice',
      'password-file': file(' pass: word \r\nmore'),
      cert: '/c.pem',
      key: '/k.pem',
      'min-tls-version': '1.3',
      'allowed-host': ['a', 'B.c'],
      'trusted-proxy': ['10.0.0.0/8', '::1', 'unix'],
      'user-header': 'X-Remote-User',
      'dir-cache-time': 'off',
      'net-timeout': '0',
      'max-connections': '4',
      'grid-retries': '0',
      'propfind-max': 'off',
      'log-level': 'debug',
      'log-format': 'json',
    });
    assert.deepEqual(config, {
      listen: [
        { kind: 'tcp', host: '127.0.0.1', port: 0 },
        { kind: 'tcp', host: '127.0.0.1', port: 0 },
        { kind: 'tcp', host: '::1', port: 80 },
        { kind: 'unix', path: '/tmp/x' },
      ],
      baseUrl: '/dav',
      nodeUrl: 'http://127.0.0.1:3456',
      nodeSocketPath: undefined,
      rootCapText: CAP,
      isReadOnly: true,
      isSoleWriter: true,
      dataDir: join(process.cwd(), 'relative'),
      cacheDir: join(folder, 'home', 'cache'),
      configDir: join(folder, 'home', '.config/tahoe-webdav'),
      runtimeDir: undefined,
      store: 'memory',
      writeMode: 'through',
      writeBackMs: 0,
      transfers: 8,
      maxDirtyBytes: undefined,
      isFsynced: false,
      uploadBytesPerSecond: 2 ** 20,
      downloadBytesPerSecond: 2 * 2 ** 20,
      shutdownGraceMs: 0,
      trashKeepMs: 365 * 86_400_000,
      litter: { appleDouble: 'refuse', litter: 'keep' },
      cacheMaxBytes: Number.POSITIVE_INFINITY,
      cacheMinFreeBytes: 0,
      bufferBytes: 2 ** 20,
      metaBufferBytes: 0,
      account: { name: 'alice', password: ' pass: word ' },
      accounts: undefined,
      tls: { certFile: '/c.pem', keyFile: '/k.pem', isSelfSigned: false, minVersion: 'TLSv1.3' },
      allowedHosts: ['a', 'b.c'],
      trustedProxies: ['10.0.0.0/8', '::1', 'unix'],
      userHeader: 'x-remote-user',
      dirCacheTimeMs: 0,
      netTimeoutMs: Number.POSITIVE_INFINITY,
      maxConnections: 4,
      gridRetries: 0,
      propfindMax: Number.POSITIVE_INFINITY,
      logLevel: 'debug',
      logFormat: 'json',
    });
  });

  test('lets an option go before the environment, that before the file, that before the default', async () => {
    const config = file(
      'net-timeout: 4s\nbaseurl: /file\nlog-level: warn\nmax-connections: 6\nread-only: true\n',
    );
    const env = {
      TAHOE_WEBDAV_CONFIG: config,
      TAHOE_WEBDAV_NET_TIMEOUT: '3s',
      TAHOE_WEBDAV_BASEURL: '/env',
      TAHOE_WEBDAV_ADDR: '127.0.0.1:1, 127.0.0.1:2',
      TAHOE_WEBDAV_READ_ONLY: 'no',
      TAHOE_WEBDAV_LOG_LEVEL: '',
    };
    const found = await serveConfig({ 'net-timeout': '2s' }, env);
    const { netTimeoutMs, baseUrl, logLevel, maxConnections, gridRetries, isReadOnly, listen } = found;
    assert.deepEqual(
      { netTimeoutMs, baseUrl, logLevel, maxConnections, gridRetries, isReadOnly, listeners: listen.length },
      {
        netTimeoutMs: 2000,
        baseUrl: '/env',
        logLevel: 'warn',
        maxConnections: 6,
        gridRetries: 3,
        isReadOnly: false,
        listeners: 2,
      },
    );
  });

  test('reads JSON, lists and the values that YAML has types for', async () => {
    const json = file('{"addr": ["127.0.0.1:1", "127.0.0.1:2"], "max-connections": 6, "sole-writer": true}');
    const found = await serveConfig({ config: json });
    assert.deepEqual([found.listen.length, found.maxConnections, found.isSoleWriter], [2, 6, true]);
    const yaml = file(
      'addr:\n  - 127.0.0.1:1\n  - "[::1]:2"\ndir-cache-time: 5\nstore: "sqlite:"\n# nothing\n',
    );
    assert.equal((await serveConfig({ config: yaml })).dirCacheTimeMs, 5000);
    assert.equal((await serveConfig({ config: file('# all commented out\n') })).maxConnections, 10);
  });

  test('writes through where metadata is in memory, unless that is contradicted', async () => {
    assert.equal((await serveConfig({ store: 'memory:' })).writeMode, 'through');
    assert.equal((await serveConfig({ store: 'sqlite:' })).writeMode, 'back');
    assert.equal((await serveConfig({ 'write-mode': 'through' })).writeMode, 'through');
  });

  test('has a variable of its own for each option', async () => {
    assert.equal(environmentName('node-url'), 'TAHOE_WEBDAV_NODE_URL');
    assert.equal(new Set(OPTION_NAMES.map(environmentName)).size, OPTION_NAMES.length);
    const { warnings } = await loadServeConfig(
      {},
      sources({ TAHOE_WEBDAV_ADR: 'x', TAHOE_WEBDAV_PORT: 'tcp://1' }),
    );
    assert.equal(warnings.length, 2);
    assert.match(warnings.join(), /TAHOE_WEBDAV_ADR .*TAHOE_WEBDAV_PORT/);
  });

  describe('root', () => {
    const node = { 'node-url': 'http://127.0.0.1:1' };

    test('comes from standard input', async () => {
      const { config } = await loadServeConfig({ ...node, 'rootcap-file': '-' }, sources({}, `\n ${CAP}\n`));
      assert.equal(config.rootCapText, CAP);
    });

    test('comes from the environment, unless an option names another', async () => {
      const env = { TAHOE_WEBDAV_ROOTCAP: `${CAP}\n` };
      assert.equal((await serveConfig(node, env)).rootCapText, CAP);
      assert.equal(
        (await serveConfig({ ...node, 'rootcap-file': file('URI:other') }, env)).rootCapText,
        'URI:other',
      );
      const config = file('rootcap-file: /nowhere');
      assert.equal((await serveConfig({ ...node, config }, env)).rootCapText, CAP);
    });

    test('comes from a Tahoe directory, with its node', async () => {
      const dir = join(folder, 'tahoe');
      mkdirSync(join(dir, 'private'), { recursive: true });
      writeFileSync(join(dir, 'node.url'), 'http://127.0.0.1:4567/\n');
      writeFileSync(join(dir, 'private/aliases'), `work: ${CAP}\n`, { mode: 0o600 });
      const config = await serveConfig({ 'tahoe-dir': dir, alias: 'work:' });
      assert.deepEqual([config.nodeUrl, config.rootCapText], ['http://127.0.0.1:4567', CAP]);
      await refuses(serveConfig({ 'tahoe-dir': dir, alias: 'wrok' }), /there is no alias wrok in .*aliases/);
      await refuses(serveConfig({ 'tahoe-dir': dir, alias: 'constructor' }), /there is no alias/);
    });

    test('comes from ~/.tahoe where only a URL says which node', async () => {
      const dir = join(folder, 'home/.tahoe/private');
      mkdirSync(dir, { recursive: true });
      writeFileSync(join(dir, 'aliases'), `home: ${CAP}\n`, { mode: 0o600 });
      assert.equal((await serveConfig({ ...node, alias: 'home' })).rootCapText, CAP);
    });

    test('may be one of the embedded gateway', async () => {
      assert.equal((await serveConfig({ 'rootcap-file': file(CAP) })).rootCapText, CAP);
    });

    test('is warned of where others can read its file', async () => {
      const open = {
        ...node,
        'rootcap-file': file(CAP, 0o644),
        user: 'a',
        'password-file': file('p', 0o640),
      };
      const { warnings } = await loadServeConfig(open, sources());
      assert.equal(warnings.filter((line) => /can be read by others/.test(line)).length, 2);
    });

    describe('is warned of on the disk of the cache directory', () => {
      const warned = async (flags: Record<string, unknown>, env = {}, stdin = ''): Promise<boolean> => {
        const { warnings } = await loadServeConfig(flags, sources(env, stdin));
        assert.ok(warnings.every((line) => !line.includes('URI:')));
        return warnings.some((line) => /in clear, .*--rootcap-file -/.test(line));
      };

      test('where a file holds it, wherever the cache will be made', async () => {
        assert.equal(await warned({ ...node, 'rootcap-file': file(CAP) }), true);
        const cacheDir = join(folder, 'deep/down/cache');
        assert.equal(await warned({ ...node, 'rootcap-file': file(CAP), 'cache-dir': cacheDir }), true);
      });

      test('where an alias names it', async () => {
        const dir = join(folder, 'beside');
        mkdirSync(join(dir, 'private'), { recursive: true });
        writeFileSync(join(dir, 'node.url'), 'http://127.0.0.1:4567/\n');
        writeFileSync(join(dir, 'private/aliases'), `work: ${CAP}\n`, { mode: 0o600 });
        assert.equal(await warned({ 'tahoe-dir': dir, alias: 'work' }), true);
      });

      test('but not where it comes another way, or lies on another disk', async () => {
        assert.equal(await warned({ ...node, 'rootcap-file': '-' }, {}, CAP), false);
        assert.equal(await warned(node, { TAHOE_WEBDAV_ROOTCAP: CAP }), false);
        const elsewhere = { ...node, 'rootcap-file': file(CAP), 'cache-dir': '/proc/sys/cache' };
        assert.equal(await warned(elsewhere), false);
      });
    });
  });

  const cap = { 'node-url': 'http://127.0.0.1:1', 'rootcap-file': '-' };
  const refused: Array<[string, Flags | (() => Flags), RegExp, Record<string, string>?]> = [
    ['an unknown option', { adr: 'x' }, /^unknown option --adr \(did you mean --addr\?\)/],
    [
      'an unknown option that is like none',
      { zzzzzz: 'x' },
      /^unknown option --zzzzzz \(see tahoe-webdav --help\)/,
    ],
    ['a name that every object has', { constructor: 'x' }, /^unknown option --constructor/],
    [
      'an unknown key',
      () => ({ config: file('node_url: x') }),
      /^unknown key in .*: node_url \(did you mean node-url\?\)/,
    ],
    ['a file that names a file', () => ({ config: file('config: x') }), /^unknown key in/],
    ['a cap as a key', () => ({ config: file(`"${CAP}": x`) }), /^a key in .* holds a cap/],
    ['a key without a value', () => ({ config: file('addr:') }), /^addr in .* has no plain value/],
    ['a key with a table', () => ({ config: file('addr: {a: b}') }), /has no plain value/],
    ['a list where one is wanted', () => ({ config: file('user: [a, b]') }), /is given 2 times/],
    ['a file of something else', () => ({ config: file('hello') }), /holds no settings/],
    [
      'a file that is broken',
      () => ({ config: file(`a: b\n'${CAP}: [`) }),
      /is neither YAML nor JSON, line 2/,
    ],
    [
      'a file that says something twice',
      () => ({ config: file('user: a\nuser: b') }),
      /is neither YAML nor JSON, line 2/,
    ],
    ['aliases that multiply', () => ({ config: file('addr: &a [x]\nuser: *a') }), /is neither YAML nor JSON/],
    [
      'a file that is missing',
      { config: '/nowhere/x.yaml' },
      /^there is no configuration file \/nowhere\/x\.yaml/,
    ],
    ['an option given twice', { user: ['a', 'b'] }, /^--user is given 2 times/],
    ['an option without a value', { user: '' }, /^--user has no value/],
    ['a bad time', { 'net-timeout': '10x' }, /^--net-timeout 10x is no time/],
    [
      'a bad time in a variable',
      {},
      /^TAHOE_WEBDAV_NET_TIMEOUT 10x is no time/,
      { TAHOE_WEBDAV_NET_TIMEOUT: '10x' },
    ],
    ['a bad level', { 'log-level': 'debg' }, /^--log-level debg is unknown; did you mean debug\?/],
    ['a bad store', { store: 'redis://x' }, /^--store is none of sqlite:/],
    [
      'a bad policy for ._ files',
      { 'apple-double': 'locl' },
      /^--apple-double locl is unknown; did you mean local\?/,
    ],
    ['a bad policy for litter', { litter: 'refused' }, /^--litter refused is unknown; did you mean refuse\?/],
    [
      'litter that would be forgotten',
      { store: 'memory:', litter: 'local' },
      /^--store memory: forgets .* stay .* \(give --apple-double and --litter keep or refuse, or another store\)/,
    ],
    ['a bad mode of writing', { 'write-mode': 'bakc' }, /^--write-mode bakc is unknown; did you mean back\?/],
    ['a bad durability', { durability: 'disk' }, /^--durability disk is none of fsync, os/],
    ['no transfers', { transfers: '0' }, /^--transfers 0 is no whole number from 1 to 100/],
    ['a bad limit of rates', { bwlimit: '1M/s' }, /^--bwlimit is no size/],
    [
      'write mode back without a store on the disk',
      { store: 'memory:', 'write-mode': 'back' },
      /^--store memory: forgets .* \(give --write-mode through, or another store\)/,
    ],
    [
      'the same from a variable',
      { store: 'memory:' },
      /^--store memory: forgets/,
      { TAHOE_WEBDAV_WRITE_MODE: 'back' },
    ],
    [
      'a bad flag',
      {},
      /^TAHOE_WEBDAV_NO_AUTH maybe is neither true nor false/,
      { TAHOE_WEBDAV_NO_AUTH: 'maybe' },
    ],
    ['one connection', { 'max-connections': '1' }, /^--max-connections 1 is no whole number from 2/],
    [
      'an address that is none',
      { addr: '8080' },
      /is no address to listen on \(127\.0\.0\.1:8080 or :8080\?\)/,
    ],
    ['a cap as an option', { 'rootcap-file': CAP }, /^--rootcap-file holds a cap.*--rootcap-file FILE/],
    [
      'a cap in a URL',
      { 'node-url': `http://127.0.0.1:1/uri/${encodeURIComponent(CAP)}` },
      /^--node-url holds a cap/,
    ],
    ['a cap in the file', () => ({ config: file(`alias: "${CAP}"`) }), /^alias in .* holds a cap/],
    ['a cap in a variable', {}, /^TAHOE_WEBDAV_ALIAS holds a cap/, { TAHOE_WEBDAV_ALIAS: CAP }],
    [
      'a URL with a password',
      { 'node-url': 'http://me:hunter2@127.0.0.1:1' },
      /^--node-url has a user(?!.*hunter2)/,
    ],
    [
      'two nodes',
      { 'node-url': 'http://a', 'tahoe-dir': '/b' },
      /^--node-url and --tahoe-dir both say which node to ask/,
    ],
    [
      'a Tahoe directory that is none',
      () => ({ 'tahoe-dir': folder }),
      /^there is no .*node\.url for the URL of the node/,
    ],
    ['a node without a root', { 'node-url': 'http://a' }, /create-root --node-url URL --rootcap-file FILE/],
    ['two roots', { ...cap, alias: 'x' }, /^--rootcap-file and --alias both say which root/],
    [
      'a variable and a variable',
      { 'node-url': 'http://a' },
      /^TAHOE_WEBDAV_ALIAS and TAHOE_WEBDAV_ROOTCAP both/,
      {
        TAHOE_WEBDAV_ALIAS: 'x',
        TAHOE_WEBDAV_ROOTCAP: CAP,
      },
    ],
    ['an alias without a node', { alias: 'x' }, /^--alias names a directory of a grid/],
    ['no cap on standard input', cap, /^standard input holds no cap/],
    [
      'a rootcap file that is missing',
      { ...cap, 'rootcap-file': '/nowhere/cap' },
      /^there is no \/nowhere\/cap for the rootcap/,
    ],
    [
      'a rootcap file that never ends',
      { ...cap, 'rootcap-file': '/dev/zero' },
      /^\/dev\/zero is far too long/,
    ],
    ['a folder as rootcap file', () => ({ ...cap, 'rootcap-file': folder }), /^can not read/],
    ['a user without a password', { user: 'a' }, /^--user and --password-file go together/],
    ['a password without a user', { 'password-file': '/x' }, /^--user and --password-file go together/],
    [
      'an empty password',
      () => ({ user: 'a', 'password-file': file('\nsecond') }),
      /^the first line of .* is empty/,
    ],
    ['a user with a colon', () => ({ user: 'a:b', 'password-file': file('p') }), /^--user has a colon/],
    ['an account and none', () => ({ user: 'a', 'password-file': file('p'), 'no-auth': true }), /contradict/],
    ['a certificate without a key', { cert: '/c' }, /^--cert and --key go together/],
    [
      'an open address without an account',
      { addr: ':80' },
      /^--addr :80 is open .* \(this works: tahoe-webdav serve --addr :80 --user .*--no-auth/,
    ],
    [
      'an open address among others',
      { addr: ['127.0.0.1:1', '192.0.2.1:80'] },
      /^--addr 192\.0\.2\.1:80 is open/,
    ],
    ['a name that may be anywhere', { addr: 'nas.local:80' }, /is open to other machines/],
    [
      'passwords in clear',
      () => ({ addr: '[::]:80', user: 'a', 'password-file': file('p') }),
      /^--addr \[::\]:80 is open .* in clear \(.*--allow-insecure-auth/,
    ],
  ];
  for (const [what, flags, message, env] of refused) {
    test(`refuses ${what}`, async () => {
      await refuses(serveConfig(typeof flags === 'function' ? flags() : flags, env), message);
    });
  }

  const allowed: Array<[string, () => Flags]> = [
    ['--no-auth', () => ({ 'no-auth': true })],
    ['an account and TLS', () => ({ user: 'a', 'password-file': file('p'), cert: '/c', key: '/k' })],
    ['--allow-insecure-auth', () => ({ user: 'a', 'password-file': file('p'), 'allow-insecure-auth': true })],
  ];
  for (const [what, flags] of allowed) {
    test(`serves an open address with ${what}`, async () => {
      assert.equal((await serveConfig({ addr: ':80', ...flags() })).listen.length, 1);
    });
  }
});

describe('loadCreateRootConfig', () => {
  const node = { 'node-url': 'http://127.0.0.1:1' };

  test('gives the node and the place, and reads no cap', async () => {
    const env = { TAHOE_WEBDAV_ROOTCAP: CAP, TAHOE_WEBDAV_ADDR: ':80', TAHOE_WEBDAV_NET_TIMEOUT: '1s' };
    const { config, place } = await loadCreateRootConfig({ ...node, 'rootcap-file': '~/new' }, sources(env));
    assert.deepEqual(place, { kind: 'file', file: join(folder, 'home/new') });
    assert.deepEqual(
      [config.nodeUrl, config.rootCapText, config.netTimeoutMs],
      ['http://127.0.0.1:1', undefined, 1000],
    );
    const alias = await loadCreateRootConfig({ ...node, alias: 'work' }, sources());
    const aliasesFile = join(folder, 'home/.tahoe/private/aliases');
    assert.deepEqual(alias.place, { kind: 'alias', name: 'work', aliasesFile });
  });

  const refused: Array<[string, Flags, RegExp]> = [
    ['no node', { 'rootcap-file': 'x' }, /^create-root needs a Tahoe node/],
    ['no place', node, /^where the new cap goes is not said/],
    ['two places', { ...node, alias: 'x', 'rootcap-file': 'y' }, /both say where the new cap goes/],
    ['standard output', { ...node, 'rootcap-file': '-' }, /^create-root prints no cap/],
    ['an option of serve', { ...node, addr: ':80' }, /^unknown option of create-root --addr/],
    ['an alias with a colon inside', { ...node, alias: 'a:b' }, /^--alias can not be an alias/],
  ];
  for (const [what, flags, message] of refused) {
    test(`refuses ${what}`, () => refuses(loadCreateRootConfig(flags, sources()), message));
  }
});

describe('loadCacheConfig', () => {
  test('needs nothing: the default directory, of whichever root', async () => {
    const { config, task, warnings } = await loadCacheConfig('cache stats', {}, sources());
    assert.deepEqual(task, { rootId: '', isJson: false, isRecursive: false, isRepair: false });
    assert.deepEqual(warnings, []);
    assert.equal(config.cacheDir, join(folder, 'home', '.local/state/tahoe-webdav'));
    assert.ok(Object.isFrozen(config));
  });

  test('reads what is to be done', async () => {
    const flags = { json: true, root: 'ab', 'cache-dir': '/c', 'cache-max-size': '5G' };
    const { config, task } = await loadCacheConfig('cache verify', { ...flags, repair: true }, sources());
    assert.deepEqual(task, { rootId: 'ab', isJson: true, isRecursive: false, isRepair: true });
    assert.deepEqual([config.cacheDir, config.cacheMaxBytes], ['/c', 5 * 2 ** 30]);
    const refresh = await loadCacheConfig('cache refresh', { recursive: true }, sources());
    assert.equal(refresh.task.isRecursive, true);
    const env = { TAHOE_WEBDAV_ROOT: 'cd', TAHOE_WEBDAV_JSON: 'yes', TAHOE_WEBDAV_CACHE_DIR: '/e' };
    const { config: other, task: asked } = await loadCacheConfig('pin', {}, sources(env));
    assert.deepEqual([other.cacheDir, asked.rootId, asked.isJson], ['/e', 'cd', true]);
  });

  test('takes the root where one is named, and asks for none', async () => {
    const node = { 'node-url': 'http://127.0.0.1:1' };
    assert.equal((await loadCacheConfig('warmup', node, sources())).config.rootCapText, undefined);
    const flags = { ...node, 'rootcap-file': file(`${CAP}\n`) };
    const { config } = await loadCacheConfig('warmup', flags, sources());
    assert.deepEqual([config.nodeUrl, config.rootCapText], ['http://127.0.0.1:1', CAP]);
  });

  test('does not mind an address that serve would refuse', async () => {
    const { config } = await loadCacheConfig('pin', {}, sources({ TAHOE_WEBDAV_ADDR: ':80' }));
    assert.equal(config.listen.length, 1);
  });

  const refused: Array<[string, CacheCommandName, Flags, RegExp]> = [
    ['an option of serve', 'cache stats', { addr: ':80' }, /^unknown option of cache stats --addr/],
    ['an option of another one', 'cache list', { repair: true }, /^unknown option of cache list --repair/],
    ['an id that is a path', 'pin', { root: '../x' }, /^--root is no id of a root/],
    ['two roots', 'pin', { alias: 'x', 'rootcap-file': 'y' }, /both say which root/],
  ];
  for (const [what, command, flags, message] of refused) {
    test(`refuses ${what}`, () => refuses(loadCacheConfig(command, flags, sources()), message));
  }
});
