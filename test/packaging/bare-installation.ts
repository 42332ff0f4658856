// An installation whose sqlite3 has no binary yet, with a HOME, a temporary folder and a Node of its own; the Node has
// no headers beside it. The packages are the project's.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { projectDir } from '../project.ts';

const modules = join(projectDir, 'node_modules');
const compiled = fileURLToPath(new URL('../../src', import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly said: string;
}

export interface SetupOptions {
  /** Where sqlite3's ready binaries are looked for; without it at a place where nothing listens. */
  readonly mirror?: string;
  readonly path?: string;
  readonly uid?: number;
  /** Ends the run with SIGTERM when it resolves. */
  readonly stop?: Promise<unknown>;
}

export class BareInstallation implements Disposable {
  readonly dir: string = realpathSync(mkdtempSync(join(tmpdir(), 'bare-installation-')));
  readonly tmp: string = join(this.dir, 'tmp');
  readonly node: string = join(this.dir, 'node', 'bin', 'node');
  readonly sqlite: string = join(this.dir, 'app', 'node_modules', 'sqlite3');
  readonly binary: string = join(this.sqlite, 'build', 'Release', 'node_sqlite3.node');

  constructor() {
    const own = dirname(this.sqlite);
    for (const folder of [join(this.dir, 'home'), this.tmp, dirname(this.node), own]) {
      mkdirSync(folder, { recursive: true });
    }
    // A link to a package is followed, so the ones on the way from the program to sqlite3 are copies.
    const isCopied = (name: string): boolean =>
      name === 'sqlite3' || name === '@keyv' || name.startsWith('.');
    for (const name of readdirSync(modules).filter((entry) => !isCopied(entry))) {
      symlinkSync(join(modules, name), join(own, name));
    }
    cpSync(join(modules, '@keyv'), join(own, '@keyv'), { recursive: true });
    const withoutBuild = (from: string): boolean => from !== join(modules, 'sqlite3', 'build');
    cpSync(join(modules, 'sqlite3'), this.sqlite, { recursive: true, filter: withoutBuild });
    const program = join(this.dir, 'app', 'build');
    mkdirSync(program);
    writeFileSync(join(program, 'package.json'), '{ "type": "module" }');
    for (const name of ['ensure-sqlite.js', 'setup.js']) {
      copyFileSync(join(compiled, name), join(program, name));
    }
    try {
      linkSync(process.execPath, this.node);
    } catch {
      // Another file system, or not ours to link.
      copyFileSync(process.execPath, this.node);
    }
    chmodSync(this.dir, 0o755);
    chmodSync(this.tmp, 0o777);
  }

  /** Runs the step as `npm run build` does. */
  async setUp(options: SetupOptions = {}): Promise<Outcome> {
    const child = spawn(this.node, [join(this.dir, 'app', 'build', 'setup.js')], {
      env: {
        HOME: join(this.dir, 'home'),
        TMPDIR: this.tmp,
        PATH: options.path ?? '',
        npm_config_sqlite3_binary_host: options.mirror ?? 'http://127.0.0.1:1/',
      },
      stdio: ['ignore', 'ignore', 'pipe'],
      ...(options.uid === undefined ? {} : { uid: options.uid }),
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const closed = once(child, 'close');
    await Promise.race([options.stop, closed]);
    if (options.stop !== undefined) {
      child.kill('SIGTERM');
    }
    await closed;
    return { code: child.exitCode, signal: child.signalCode, said };
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
