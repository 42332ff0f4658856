// Where settings come from: options, environment and configuration file, in this order of precedence. What each of
// them says is kept with the name under which the user knows it, for messages.
import { readFile } from 'node:fs/promises';
import { parse as parseYaml, YAMLParseError } from 'yaml';
import { FsError, systemCode } from './base/errors.ts';
import { nearest } from './base/suggest.ts';
import type { CommandName } from './config-commands.ts';
import { environmentName, isOptionName, OPTION_NAMES, OPTIONS, type OptionName } from './config-options.ts';

/** What was said of one option, still as text, and where: `--addr`, `TAHOE_WEBDAV_ADDR`, `addr in /etc/x.yaml`. */
export interface Setting {
  readonly texts: readonly string[];
  readonly where: string;
}

export type Layer = ReadonlyMap<OptionName, Setting>;

// As a cap begins, plain or percent-encoded.
const CAP_BEGINNING = /\bURI(?::|%(?:25)*3A)[a-z0-9-]/i;
const CAP_HINT = 'give it as --rootcap-file FILE, --alias NAME or TAHOE_WEBDAV_ROOTCAP';

/** Refuses what looks like a cap, without repeating it: arguments and settings are seen by others. */
export function refuseCap(where: string, text: string): void {
  if (CAP_BEGINNING.test(text)) {
    throw new FsError('bad-config', `${where} holds a cap, or part of one, which is kept out of options`, {
      hint: CAP_HINT,
    });
  }
}

function unknown(what: string, name: string, known: readonly string[], prefix: string): FsError {
  const meant = nearest(name, known);
  const shown = prefix + (name.length > 40 ? `${name.slice(0, 40)}...` : name);
  const hint = meant === undefined ? 'see tahoe-webdav --help' : `did you mean ${prefix}${meant}?`;
  return new FsError('bad-config', `unknown ${what} ${JSON.stringify(shown).slice(1, -1)}`, { hint });
}

function setting(where: string, value: unknown, name: OptionName): Setting {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  const texts = values.map((one) => {
    if (typeof one !== 'string' && typeof one !== 'number' && typeof one !== 'boolean') {
      throw new FsError('bad-config', `${where} has no plain value`);
    }
    const text = String(one).trim();
    refuseCap(where, text);
    if (text === '') {
      throw new FsError('bad-config', `${where} has no value`);
    }
    return text;
  });
  if (texts.length !== 1 && OPTIONS[name].kind !== 'list') {
    throw new FsError('bad-config', `${where} is given ${texts.length} times; once is what it takes`);
  }
  return { texts, where };
}

/** What stood on the command line, by option names. */
export function layerOfFlags(command: CommandName, flags: Readonly<Record<string, unknown>>): Layer {
  const layer = new Map<OptionName, Setting>();
  const known = OPTION_NAMES.filter((name) => OPTIONS[name].commands.includes(command));
  for (const [name, value] of Object.entries(flags)) {
    refuseCap('an argument', name);
    const dashes = name.length === 1 ? '-' : '--';
    if (!isOptionName(name) || !known.includes(name)) {
      throw unknown(command === 'serve' ? 'option' : `option of ${command}`, name, known, dashes);
    }
    layer.set(name, setting(`--${name}`, value, name));
  }
  return layer;
}

/** An empty variable counts as none; a list is separated by commas or spaces. */
export function layerOfEnvironment(env: Readonly<Record<string, string | undefined>>): Layer {
  const layer = new Map<OptionName, Setting>();
  for (const name of OPTION_NAMES) {
    const variable = environmentName(name);
    const text = env[variable]?.trim() ?? '';
    if (text !== '') {
      const value = OPTIONS[name].kind === 'list' ? text.split(/[\s,]+/).filter((one) => one !== '') : text;
      layer.set(name, setting(variable, value, name));
    }
  }
  return layer;
}

export async function layerOfFile(file: string): Promise<Layer> {
  const settings = parseFile(
    file,
    await readFile(file, 'utf8').catch((error: unknown) => {
      const why = systemCode(error) === 'ENOENT' ? 'there is no' : 'can not read the';
      throw new FsError('bad-config', `${why} configuration file ${file}`, { cause: error });
    }),
  );
  const layer = new Map<OptionName, Setting>();
  for (const [name, value] of Object.entries(settings)) {
    refuseCap(`a key in ${file}`, name);
    if (!isOptionName(name) || name === 'config') {
      throw unknown(`key in ${file}:`, name, OPTION_NAMES, '');
    }
    layer.set(name, setting(`${name} in ${file}`, value, name));
  }
  return layer;
}

/** JSON is read as the YAML that it is. */
function parseFile(file: string, text: string): Readonly<Record<string, unknown>> {
  let settings: unknown;
  try {
    settings = parseYaml(text, { logLevel: 'error', maxAliasCount: 0 });
  } catch (error) {
    throw unreadable(file, error);
  }
  if (settings === null || settings === undefined) {
    return {};
  }
  if (typeof settings !== 'object' || Array.isArray(settings)) {
    throw new FsError('bad-config', `${file} holds no settings`, { hint: 'lines like addr: 127.0.0.1:8080' });
  }
  return settings as Record<string, unknown>;
}

/** Where in the file, but nothing of what stands there. */
function unreadable(file: string, error: unknown): FsError {
  const at = error instanceof YAMLParseError ? error.linePos?.[0] : undefined;
  const place = at ? `, line ${at.line}` : '';
  return new FsError('bad-config', `${file} is neither YAML nor JSON${place}`, { cause: error });
}
