// The command line, read: which command, with which options, or a text to print. What the options mean is config.ts's.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import yargs, { type Argv } from 'yargs';
import { FsError } from '../base/errors.ts';
import { nearest } from '../base/suggest.ts';
import { type CommandName, OPTION_NAMES, OPTIONS } from '../config-options.ts';
import { refuseCap } from '../config-sources.ts';

export type Order =
  | { readonly kind: 'print'; readonly text: string }
  | {
      readonly kind: 'run';
      readonly command: CommandName;
      readonly flags: Readonly<Record<string, unknown>>;
    };

const COMMANDS: readonly CommandName[] = ['serve', 'create-root'];
const HELP_WIDTH = 110;

/** Throws `bad-config` for what can't be a command line of ours. */
export async function readCommandLine(argv: readonly string[]): Promise<Order> {
  let chosen: Order | undefined;
  const run = (command: CommandName) => (parsed: object) => {
    chosen = { kind: 'run', command, flags: flagsOf(command, parsed) };
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

function describe(parser: Argv, run: (command: CommandName) => (parsed: object) => void): Argv {
  return parser
    .scriptName('tahoe-webdav')
    .usage('$0 [serve] [options]\n\nServes files of a Tahoe-LAFS grid over WebDAV.')
    .command(
      ['serve', '$0'],
      'serve a directory of a grid, or of this disk, over WebDAV (the default)',
      (one) => withOptions(one, 'serve'),
      run('serve'),
    )
    .command(
      'create-root',
      'make a new, empty root directory on a grid and keep its cap in a file or alias',
      (one) => withOptions(one, 'create-root').usage('$0 create-root --node-url URL --rootcap-file FILE'),
      run('create-root'),
    )
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
        'Times: 500ms, 10s, 5m, 2h, 1d; 0 or off = no limit.',
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
  return command === 'serve' ? parser.example(SERVE_EXAMPLES) : parser.example(CREATE_ROOT_EXAMPLES);
}

const SERVE_EXAMPLES: Array<[string, string]> = [
  ['$0', 'files on this disk, at http://127.0.0.1:8080/'],
  ['$0 --node-url http://127.0.0.1:3456 --rootcap-file ~/rootcap', 'a grid, through its node'],
  ['$0 --tahoe-dir ~/.tahoe --alias work', "a grid, by one of Tahoe's aliases"],
  ['$0 --addr :8443 --user me --password-file pw --cert c.pem --key k.pem', 'for other machines, over TLS'],
];

const CREATE_ROOT_EXAMPLES: Array<[string, string]> = [
  ['$0 create-root --node-url http://127.0.0.1:3456 --rootcap-file ~/rootcap', 'keep the cap in a new file'],
  ['$0 create-root --tahoe-dir ~/.tahoe --alias work', "keep it among Tahoe's aliases"],
];

/** Options by their names; anything that stands beside the command is refused. */
function flagsOf(command: CommandName, parsed: object): Readonly<Record<string, unknown>> {
  const {
    _: words,
    $0: _name,
    help: _help,
    h: _h,
    version: _version,
    ...flags
  } = parsed as Record<string, unknown>;
  const rest = (words as readonly unknown[]).map(String);
  const [first] = rest[0] === command ? rest.slice(1) : rest;
  if (first !== undefined) {
    refuseCap('an argument', first);
    const shown = /^[\w-]{1,40}$/.test(first) ? ` ${first}` : '';
    const meant = nearest(first, COMMANDS);
    throw rest[0] === command
      ? new FsError('bad-config', `${command} takes options only, no argument${shown}`)
      : new FsError('bad-config', `unknown command${shown}`, {
          hint: meant === undefined ? 'see tahoe-webdav --help' : `did you mean ${meant}?`,
        });
  }
  return Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
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
