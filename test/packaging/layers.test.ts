import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { describe, test } from 'node:test';
import { projectDir } from '../project.ts';

// The layers as people read them; config/layers.json tells the linter the same, folder by folder.
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  seal: ['base'],
  tahoe: ['base', 'seal'],
  accounts: ['base', 'seal', 'tahoe/caps.ts'],
  gateway: ['base', 'seal', 'tahoe/caps.ts'],
  meta: ['base', 'seal', 'tahoe/caps.ts'],
  cache: ['base', 'seal', 'meta'],
  dirty: ['base', 'seal', 'cache'],
  edits: ['base', 'meta', 'tahoe/caps.ts'],
  inode: ['base', 'seal', 'tahoe', 'meta', 'cache', 'dirty', 'edits'],
  sync: ['base', 'seal', 'tahoe', 'meta', 'cache', 'dirty', 'edits', 'inode'],
  views: ['base', 'inode'],
  webdav: ['base', 'seal', 'meta', 'inode', 'tahoe/caps.ts'],
  http: ['base', 'inode', 'edits', 'tahoe/caps.ts', 'sync/sync-control.ts'],
  cli: [
    'base',
    'accounts',
    'config.ts',
    'app.ts',
    'tahoe/caps.ts',
    'inode/cache-control.ts',
    'sync/sync-control.ts',
    'http/control-protocol.ts',
  ],
};
const FOLDERS = Object.keys(MAY_IMPORT);

/** The one folder or file that may import a package; app.ts and its like only join the parts. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  pino: ['base'],
  'node:crypto': ['seal'],
  pkijs: ['seal'],
  asn1js: ['seal'],
  undici: ['tahoe'],
  keyv: ['meta'],
  '@keyv/sqlite': ['meta'],
  'webdav-server': ['webdav'],
  'webdav-server/lib/index.v2': ['webdav'],
  saxes: ['webdav'],
  'node:http': ['http', 'gateway/server.ts', 'cli/control-client.ts'],
  'node:https': ['http', 'gateway/server.ts', 'cli/control-client.ts'],
  'lru-cache': ['cache'],
  'cli-progress': ['cli'],
  yargs: ['cli'],
  'yargs/helpers': ['cli'],
  'node:timers': [],
  'node:timers/promises': [],
  'node:stream': FOLDERS,
  'mime-types': FOLDERS,
};

const TARGETS = [
  ...FOLDERS.flatMap((folder) => [`${folder}/there.ts`, `${folder}/deep/there.ts`]),
  'app.ts',
  'config.ts',
  'index.ts',
  'tahoe/caps.ts',
  'inode/cache-control.ts',
  'sync/sync-control.ts',
  'http/control-protocol.ts',
];
const FILES = [
  ...FOLDERS.flatMap((folder) => [`${folder}/probe.ts`, `${folder}/deep/probe.ts`]),
  'gateway/server.ts',
  'cli/control-client.ts',
];

interface Line {
  readonly text: string;
  readonly isAllowed: boolean;
}

function linesFor(file: string): readonly Line[] {
  const [folder = ''] = file.split('/');
  const own = TARGETS.map((target) => {
    const [top = ''] = target.split('/');
    const allowed = MAY_IMPORT[folder] ?? [];
    const isAllowed = top === folder || allowed.includes(top) || allowed.includes(target);
    const path = relative(dirname(file), target);
    return { specifier: path.startsWith('.') ? path : `./${path}`, isAllowed };
  });
  const packages = Object.entries(OWNERS).map(([specifier, owners]) => ({
    specifier,
    isAllowed: owners.includes(folder) || owners.includes(file),
  }));
  return [...own, ...packages].flatMap(({ specifier, isAllowed }, index) => [
    { text: `import { thing as thing${index} } from '${specifier}';`, isAllowed },
    { text: `export const late${index} = () => import('${specifier}');`, isAllowed },
  ]);
}

interface Finding {
  readonly category: string;
  readonly location: { readonly path: string; readonly start: { readonly line: number } };
}

/** Lints files in a tree of their own with the project's settings; gives `file:line` of what the rule found. */
function lint(rule: string, files: Readonly<Record<string, readonly string[]>>): ReadonlySet<string> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'layers-')));
  try {
    for (const [file, lines] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, 'src', file)), { recursive: true });
      writeFileSync(join(folder, 'src', file), lines.join('\n'));
    }
    const biome = join(projectDir, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
    const config = `--config-path=${join(projectDir, 'config', 'lint.json')}`;
    const args = [biome, 'lint', config, '--reporter=json', '--max-diagnostics=none', folder];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 64 << 20 });
    assert.notEqual(stdout, '', stderr);
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: readonly Finding[] };
    const found = diagnostics.filter(({ category }) => category === rule);
    const base = join(folder, 'src');
    return new Set(found.map(({ location }) => `${relative(base, location.path)}:${location.start.line}`));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('layers', () => {
  const probes = Object.fromEntries(FILES.map((file) => [file, linesFor(file)]));
  const found = lint(
    'lint/style/noRestrictedImports',
    Object.fromEntries(Object.entries(probes).map(([file, lines]) => [file, lines.map(({ text }) => text)])),
  );
  for (const [file, lines] of Object.entries(probes)) {
    test(`lets ${file} import what it may, and nothing else`, () => {
      const wrong = lines.filter(({ isAllowed }, index) => found.has(`${file}:${index + 1}`) === isAllowed);
      assert.deepEqual(wrong, []);
    });
  }

  test('know every folder of src', () => {
    const folders = readdirSync(join(projectDir, 'src'), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    const unknown = folders.map(({ name }) => name).filter((name) => !FOLDERS.includes(name));
    assert.deepEqual(unknown, []);
  });

  test('let the top level reach everything but the command line', () => {
    const text = [
      "import { a } from './cli/main.ts';",
      "import { b } from './inode/tree.ts';",
      'export const c = [a, b];',
    ];
    assert.deepEqual([...lint('lint/style/noRestrictedImports', { 'app.ts': text })], ['app.ts:1']);
  });

  test('let request types through where requests are read, and no server or client', () => {
    const text = [
      "import type { IncomingMessage, ServerResponse } from 'node:http';",
      "import { createServer } from 'node:http';",
      "import { request } from 'node:http';",
    ];
    const files = { 'webdav/a.ts': text, 'gateway/a.ts': text, 'inode/a.ts': text };
    const inner = ['gateway/a.ts:2', 'gateway/a.ts:3', 'webdav/a.ts:2', 'webdav/a.ts:3'];
    const all = [...inner, 'inode/a.ts:1', 'inode/a.ts:2', 'inode/a.ts:3'];
    assert.deepEqual([...lint('lint/style/noRestrictedImports', files)].sort(), all.sort());
  });

  test('keep timers in base/clock.ts', () => {
    const text = ['export const timer = setTimeout(() => undefined, 1);', 'setImmediate(() => undefined);'];
    const files = { 'base/clock.ts': text, 'base/other.ts': text, 'cli/main.ts': text };
    const wanted = ['base/other.ts:1', 'base/other.ts:2', 'cli/main.ts:1', 'cli/main.ts:2'];
    assert.deepEqual([...lint('lint/style/noRestrictedGlobals', files)].sort(), wanted);
  });

  test('keep the environment in config.ts', () => {
    const text = ["export const home = process.env['HOME'];"];
    const files = { 'config.ts': text, 'app.ts': text, 'cli/serve.ts': text };
    assert.deepEqual([...lint('lint/style/noProcessEnv', files)].sort(), ['app.ts:1', 'cli/serve.ts:1']);
  });
});
