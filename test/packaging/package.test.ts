import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { projectDir } from '../project.ts';

interface Manifest {
  readonly version: string;
  readonly engines: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly overrides: unknown;
}

interface Locked {
  readonly version: string;
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(join(projectDir, name), 'utf8'));
}

const manifest = readJson('package.json') as Manifest;
const build = fileURLToPath(new URL('../..', import.meta.url));
const isOwnBuild = build === join(projectDir, 'build/');

describe('the packed package', {
  skip: isOwnBuild ? false : 'these tests were compiled to another folder',
}, () => {
  test('holds the program, two samples and what tells about it, and nothing else', () => {
    const answer = execFileSync('npm', ['pack', '--dry-run', '--json'], {
      cwd: projectDir,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [{ files }] = JSON.parse(answer) as [{ files: readonly { path: string }[] }];
    const packed = new Set(files.map(({ path }) => path));
    const program = readdirSync(join(projectDir, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.c?ts$/.test(name))
      .map((name) => `build/src/${name.replace(/\.(c?)ts$/, '.$1js')}`);
    const wanted = new Set([
      'package.json',
      'LICENSE',
      'README.md',
      'CHANGELOG.md',
      'SECURITY.md',
      'config/tahoe-webdav.yaml',
      'config/tahoe-webdav.service',
      'config/fail2ban/jail.conf',
      'config/fail2ban/tahoe-webdav.conf',
      'config/nginx.conf',
      'config/apache.conf',
      ...program,
      ...program.map((name) => name.replace(/\.(c?)js$/, '.d.$1ts')),
    ]);
    assert.deepEqual(
      [...packed].filter((path) => !wanted.has(path)),
      [],
      'too much',
    );
    assert.deepEqual(
      [...wanted].filter((path) => !packed.has(path)),
      [],
      'missing',
    );
  });

  test('answers --version', () => {
    const { status, stdout } = spawnSync(process.execPath, [join(build, 'src', 'bin.cjs'), '--version'], {
      encoding: 'utf8',
    });
    assert.deepEqual({ status, stdout }, { status: 0, stdout: `${manifest.version}\n` });
  });
});

describe('package.json', () => {
  const pins: Readonly<Record<string, RegExp>> = {
    // Its fixes against path traversal came with this very release, and our code knows its faults.
    'webdav-server': /^2\.6\.3$/,
    undici: /^\^7\./,
    keyv: /^\^5\.6\./,
    '@keyv/sqlite': /^\^4\./,
    yargs: /^\^18\./,
    // Bundled ones fail on Python 3.12 and later.
    'node-gyp': /^\^12\./,
  };
  for (const [name, pin] of Object.entries(pins)) {
    test(`holds ${name} at ${pin.source}`, () => assert.match(manifest.dependencies[name] ?? 'absent', pin));
  }

  test('names the tools exactly', () => {
    const loose = Object.entries(manifest.devDependencies).filter(
      ([, version]) => !/^\d+\.\d+\.\d+$/.test(version),
    );
    assert.deepEqual(loose, []);
  });

  test('wants Node 20.19, a newer node-gyp for sqlite3, and no install scripts', () => {
    assert.deepEqual(manifest.engines, { node: '>=20.19' });
    assert.deepEqual(manifest.overrides, { sqlite3: { 'node-gyp': '^12.0.0' } });
    assert.equal(readFileSync(join(projectDir, '.npmrc'), 'utf8'), 'ignore-scripts=true\n');
  });
});

describe('package-lock.json', () => {
  const { packages } = readJson('package-lock.json') as { packages: Readonly<Record<string, Locked>> };

  test('names no host', () => {
    assert.deepEqual(
      Object.keys(packages).filter((name) => packages[name]?.resolved !== undefined),
      [],
    );
  });

  // npm leaves out what it could not look up when the file was written, and then `npm ci` refuses the file.
  test('has an entry for the binaries of every platform', () => {
    const missing = Object.values(packages)
      .flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies))
      .filter((name) => !Object.keys(packages).some((place) => place.endsWith(`node_modules/${name}`)));
    assert.deepEqual(missing, []);
  });

  test('has one node-gyp, of version 12', () => {
    const places = Object.keys(packages).filter((place) => place.endsWith('node_modules/node-gyp'));
    assert.deepEqual(places, ['node_modules/node-gyp']);
    assert.match(packages['node_modules/node-gyp']?.version ?? '', /^12\./);
  });
});
