// What was said of each option, from all sources, and how one reads a value of it.
import { isAbsolute, join, resolve } from 'node:path';
import { FsError } from './base/errors.ts';
import type { CommandName } from './config-commands.ts';
import { type OptionName, strayVariables } from './config-options.ts';
import { type Layer, layerOfEnvironment, layerOfFile, layerOfFlags, type Setting } from './config-sources.ts';
import { BadValue, parseFlag } from './config-values.ts';

export interface ConfigSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDir: string;
  readonly readStdin: () => Promise<string>;
  /** Asks whoever sits at the terminal, without echo; undefined where nobody does. */
  readonly askSecret?: ((question: string) => Promise<string>) | undefined;
}

/** The first layer that says something of an option wins. */
export class Settings {
  /** Lines for the operator: what works but is hardly wanted. */
  readonly warnings: string[] = [];
  readonly sources: ConfigSources;
  /** Command line, environment, file. */
  readonly layers: readonly Layer[];

  readonly command: CommandName;
  #stdinReader: string | undefined;

  private constructor(command: CommandName, layers: readonly Layer[], sources: ConfigSources) {
    this.command = command;
    this.layers = layers;
    this.sources = sources;
  }

  static async load(
    command: CommandName,
    flags: Readonly<Record<string, unknown>>,
    sources: ConfigSources,
  ): Promise<Settings> {
    const upper = new Settings(
      command,
      [layerOfFlags(command, flags), layerOfEnvironment(sources.env)],
      sources,
    );
    const file = upper.path('config');
    const settings =
      file === undefined ? upper : new Settings(command, [...upper.layers, await layerOfFile(file)], sources);
    for (const name of strayVariables(sources.env)) {
      // No error: orchestrators set such variables too, e.g. Kubernetes TAHOE_WEBDAV_PORT for a service of this name.
      settings.warnings.push(`the environment variable ${name} is none of this program's`);
    }
    return settings;
  }

  find(name: OptionName): Setting | undefined {
    return this.layers.find((layer) => layer.has(name))?.get(name);
  }

  parsed<T>(name: OptionName, parseText: (text: string) => T, byDefault: T): T {
    const found = this.find(name);
    return found ? parseSetting(found, parseText) : byDefault;
  }

  all<T>(name: OptionName, parseText: (text: string) => T): readonly T[] {
    const found = this.find(name);
    return found ? found.texts.map((text) => parseSetting({ ...found, texts: [text] }, parseText)) : [];
  }

  flag(name: OptionName): boolean {
    return this.parsed(name, parseFlag, false);
  }

  /** Absolute. */
  path(name: OptionName): string | undefined {
    // A shell leaves the ~ of `--option=~/x` alone, and a file knows no shell.
    return this.parsed(name, (text) => resolve(text.replace(/^~(?=\/|$)/, this.sources.homeDir)), undefined);
  }

  /** Our folder below the one that an XDG variable names. */
  xdg(variable: string, fallback: string): string {
    const base = this.sources.env[variable] ?? '';
    // The XDG specification: a relative path is to be ignored.
    return join(isAbsolute(base) ? base : join(this.sources.homeDir, fallback), 'tahoe-webdav');
  }

  /** Of this user, emptied by the system at its end. */
  runtimeDir(): string | undefined {
    const folder = this.sources.env['XDG_RUNTIME_DIR'] ?? '';
    return isAbsolute(folder) ? folder : undefined;
  }

  /** Standard input, which can be read once only: `where` is who wants it. */
  async readStdin(where: string): Promise<string> {
    if (this.#stdinReader !== undefined) {
      throw contradiction([this.#stdinReader, where], 'what standard input holds');
    }
    this.#stdinReader = where;
    return await this.sources.readStdin();
  }

  /** A file that systemd has put ready (LoadCredential=, LoadCredentialEncrypted=), whether or not it is there. */
  credentialFile(name: string): string | undefined {
    const folder = this.sources.env['CREDENTIALS_DIRECTORY'] ?? '';
    return isAbsolute(folder) ? join(folder, `tahoe-webdav.${name}`) : undefined;
  }

  /** Which of options that exclude each other is given in the highest layer that has any of them. */
  oneOf(names: readonly OptionName[], what: string): OptionName | undefined {
    for (const layer of this.layers) {
      const given = names.filter((name) => layer.has(name));
      if (given.length > 1) {
        throw contradiction(
          given.map((name) => layer.get(name)?.where ?? name),
          what,
        );
      }
      if (given[0]) {
        return given[0];
      }
    }
    return undefined;
  }

  warnIfExposed(file: string, what: string, isExposed: boolean): void {
    if (isExposed) {
      this.warnings.push(`${file} holds ${what} and can be read by others; chmod 600 keeps them out`);
    }
  }
}

export function contradiction(wheres: readonly string[], what: string): FsError {
  return new FsError('bad-config', `${wheres.join(' and ')} both say ${what}; give one`);
}

/** Adds to a BadValue where it came from; the value itself is shown only where it is short and plain. */
export function parseSetting<T>(setting: Setting, parseText: (text: string) => T): T {
  const text = setting.texts[0] ?? '';
  try {
    return parseText(text);
  } catch (error) {
    if (!(error instanceof BadValue)) {
      throw error;
    }
    const shown = /^[\w.+~-]{1,40}$/.test(text) ? ` ${text}` : '';
    throw badValue(`${setting.where}${shown} ${error.message}`, error);
  }
}

function badValue(message: string, cause: unknown): FsError {
  return new FsError('bad-config', message, { cause });
}
