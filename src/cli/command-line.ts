// The command line, read: which command, with which options and paths, or a text to print. What the options mean is
// config.ts's.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import yargs, { type Argv } from 'yargs';
import { FsError, hasCode } from '../base/errors.ts';
import { parsePath, type TreePath } from '../base/path.ts';
import { nearest } from '../base/suggest.ts';
import type { CommandName } from '../config-commands.ts';
import { OPTION_NAMES, OPTIONS } from '../config-options.ts';
import { layerOfFlags, refuseCap } from '../config-sources.ts';
import { COMMANDS, FIRST_WORDS, GROUPS, type GroupWord, isGroup, wordsOf } from './commands.ts';

export type Order =
  | { readonly kind: 'print'; readonly text: string }
  | {
      readonly kind: 'run';
      readonly command: CommandName;
      readonly flags: Readonly<Record<string, unknown>>;
      readonly paths: readonly TreePath[];
      /** Of a command whose arguments are no paths. */
      readonly ids: readonly string[];
    };

/** What the parser found: the words are the command's and its arguments. */
interface Parsed {
  readonly words: readonly string[];
  readonly flags: Readonly<Record<string, unknown>>;
}

type Run = (command: CommandName | GroupWord) => (parsed: object) => void;

const HELP_WIDTH = 110;

/** Throws `bad-config` for what can't be a command line of ours. */
export async function readCommandLine(argv: readonly string[]): Promise<Order> {
  let chosen: Order | undefined;
  const run: Run = (command) => (parsed) => {
    const { words, flags } = partsOf(parsed);
    const args = argumentsOf(command, words);
    if (!isGroup(command)) {
      layerOfFlags(command, flags); // before the paths: an unknown option may have swallowed one
      checkCount(command, args);
      const isPaths = COMMANDS[command].takes === 'paths';
      chosen = {
        kind: 'run',
        command,
        flags,
        paths: isPaths ? args.map(pathOf) : [],
        ids: isPaths ? [] : args,
      };
    }
  };
  const parser = describe(yargs([...argv]), run);
  let text = '';
  let failure: Error | undefined;
  await parser.parse([...argv], {}, (error: Error | undefined, _parsed: unknown, output: string) => {
    failure = error;
    text = output;
  });
  if (failure) {
    throw understood(failure);
  }
  return chosen ?? { kind: 'print', text };
}

function describe(parser: Argv, run: Run): Argv {
  const add = (to: Argv, command: CommandName, name: string | readonly string[]): void => {
    to.command(name, COMMANDS[command].about, (one) => withOptions(one, command), run(command));
  };
  const commandsOf =
    (group: GroupWord) =>
    (to: Argv): Argv => {
      for (const word of wordsOf(group)) {
        add(to, `${group} ${word}` as CommandName, word);
      }
      return to.usage(`$0 ${group} COMMAND [options]\n\n${sentence(GROUPS[group])}`);
    };
  parser
    .scriptName('tahoe-webdav')
    .usage('$0 [COMMAND] [options]\n\nServes files of a Tahoe-LAFS grid over WebDAV.');
  for (const word of FIRST_WORDS) {
    if (isGroup(word)) {
      parser.command(word, GROUPS[word], commandsOf(word), run(word));
    } else {
      add(parser, word as CommandName, word === 'serve' ? [word, '$0'] : word);
    }
  }
  return parser
    .parserConfiguration({
      'boolean-negation': false, // --no-auth is a name
      'camel-case-expansion': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'short-option-groups': false,
    })
    .detectLocale(false)
    .wrap(HELP_WIDTH)
    .version(packageVersion())
    .help()
    .alias('help', 'h')
    .epilog(
      'Every option can also be set in the environment (TAHOE_WEBDAV_NODE_URL for --node-url) and in the file of ' +
        '--config; the command line goes first, then the environment, then the file. ' +
        'Times: 500ms, 10s, 5m, 2h, 1d; sizes: digits with K, M, G or T; 0 or off = no limit, unless it says otherwise.',
    )
    .exitProcess(false);
}

function withOptions(parser: Argv, command: CommandName): Argv {
  for (const name of OPTION_NAMES) {
    const { kind, group, value, byDefault, commands, ...spec } = OPTIONS[name];
    if (commands.includes(command)) {
      const about = (command === 'create-root' ? spec.aboutNewRoot : undefined) ?? spec.about;
      parser.option(name, {
        group,
        describe: value === undefined ? about : `${value}: ${about}`,
        ...(kind === 'flag' ? { boolean: true } : { string: true, nargs: 1 }),
        ...(byDefault === undefined ? {} : { defaultDescription: byDefault }),
      });
    }
  }
  parser.group(['help', 'version'], OPTIONS.config.group);
  const { usage, about, examples } = COMMANDS[command];
  if (command !== 'serve') {
    parser.usage(`$0 ${command} ${usage}\n\n${sentence(about)}`);
  }
  return parser.example(examples.map(([line, what]): [string, string] => [`$0 ${line}`.trim(), what]));
}

function partsOf(parsed: object): Parsed {
  const {
    _: words,
    $0: _name,
    help: _help,
    h: _h,
    version: _version,
    ...flags
  } = parsed as Record<string, unknown>;
  return {
    words: (words as readonly unknown[]).map(String),
    flags: Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined)),
  };
}

/** What stands behind the command's own words; refuses a word that is no command. */
function argumentsOf(command: CommandName | GroupWord, words: readonly string[]): readonly string[] {
  for (const word of words) {
    refuseCap('an argument', word);
  }
  const own = command.split(' ');
  const isNamed = own.every((word, index) => words[index] === word);
  const rest = isNamed ? words.slice(own.length) : words;
  if (isGroup(command)) {
    throw unknownCommand(`${command} command`, rest[0], wordsOf(command));
  }
  if (!isNamed && rest.length > 0) {
    throw unknownCommand('command', rest[0], FIRST_WORDS);
  }
  return rest;
}

function unknownCommand(what: string, word: string | undefined, known: readonly string[]): FsError {
  if (word === undefined) {
    return new FsError('bad-config', `which ${what} is not said`, { hint: `one of ${known.join(', ')}` });
  }
  const meant = nearest(word, known);
  return new FsError('bad-config', `unknown ${what}${shown(word)}`, {
    hint: meant === undefined ? 'see tahoe-webdav --help' : `did you mean ${meant}?`,
  });
}

const MOST = { paths: 'one path, not', files: 'one file, not', ids: undefined, names: undefined } as const;
const NEEDED = { paths: 'a path', ids: 'an id', files: 'a file', names: 'a name' } as const;

function checkCount(command: CommandName, args: readonly string[]): void {
  const { takes, minArguments, maxArguments, usage } = COMMANDS[command];
  const surplus = args[maxArguments];
  if (surplus !== undefined) {
    throw new FsError(
      'bad-config',
      maxArguments === 0
        ? `${command} takes options only, no argument${shown(surplus)}`
        : `${command} takes ${MOST[takes] ?? 'fewer arguments than'} ${args.length}`,
      takes === 'names' ? { hint: `tahoe-webdav ${command} ${usage}` } : {},
    );
  }
  if (args.length < minArguments) {
    const line = `tahoe-webdav ${command} ${usage}`;
    throw new FsError('bad-config', `${command} needs ${NEEDED[takes]}`, {
      hint: takes === 'paths' ? `${line}; / is the whole tree` : line,
    });
  }
}

function pathOf(text: string): TreePath {
  try {
    return parsePath(text);
  } catch (error) {
    if (!hasCode(error, 'bad-path')) {
      throw error;
    }
    const { message, hint } = error;
    throw new FsError('bad-config', message, hint === undefined ? { cause: error } : { hint, cause: error });
  }
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** A word of the user's, where it is short and plain. */
function shown(word: string): string {
  return /^[\w-]{1,40}$/.test(word) ? ` ${word}` : '';
}

/** The parser's own complaint in our words; it never repeats a value. */
function understood(failure: Error): FsError {
  if (failure instanceof FsError) {
    return failure;
  }
  const lacking = /following: (\S+)/.exec(failure.message)?.[1];
  const message = lacking ? `--${lacking} has no value` : 'the command line can not be understood';
  return new FsError('bad-config', message, { hint: 'see tahoe-webdav --help', cause: failure });
}

/** From the package.json above this file, wherever it was built to. */
function packageVersion(): string {
  for (
    let folder = dirname(fileURLToPath(import.meta.url));
    folder !== dirname(folder);
    folder = dirname(folder)
  ) {
    try {
      const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      if (name === 'tahoe-webdav') {
        return String(version);
      }
    } catch {
      // No package.json here: further up.
    }
  }
  return 'unknown';
}
