// Every command there is: what its help says, and how many arguments it takes.
import type { CommandName } from '../config-commands.ts';

export interface CommandSpec {
  readonly about: string;
  /** What stands after the name in the help. */
  readonly usage: string;
  readonly minPaths: number;
  readonly maxPaths: number;
  readonly examples: ReadonlyArray<readonly [string, string]>;
}

const NO_PATH = { usage: '[options]', minPaths: 0, maxPaths: 0 };
const PATHS = { usage: 'PATH... [options]', minPaths: 1, maxPaths: Number.POSITIVE_INFINITY };

/** In the order of the help; the words behind `cache` are commands of their own. */
export const COMMANDS: Readonly<Record<CommandName, CommandSpec>> = {
  serve: {
    ...NO_PATH,
    about: 'serve a directory of a grid, or of this disk, over WebDAV (the default)',
    examples: [
      ['', 'files on this disk, at http://127.0.0.1:8080/'],
      ['--node-url http://127.0.0.1:3456 --rootcap-file ~/rootcap', 'a grid, through its node'],
      ['--tahoe-dir ~/.tahoe --alias work', "a grid, by one of Tahoe's aliases"],
      ['--addr :8443 --user me --password-file pw --cert c.pem --key k.pem', 'for other machines, over TLS'],
    ],
  },
  'create-root': {
    ...NO_PATH,
    usage: '--node-url URL --rootcap-file FILE',
    about: 'make a new, empty root directory on a grid and keep its cap in a file or alias',
    examples: [
      ['create-root --node-url http://127.0.0.1:3456 --rootcap-file ~/rootcap', 'keep the cap in a new file'],
      ['create-root --tahoe-dir ~/.tahoe --alias work', "keep it among Tahoe's aliases"],
    ],
  },
  'cache stats': {
    ...NO_PATH,
    about: 'how full the cache is and how well it does',
    examples: [['cache stats', 'of the running server']],
  },
  'cache list': {
    usage: '[PATH] [options]',
    minPaths: 0,
    maxPaths: 1,
    about: 'what is cached below a path, without asking the grid',
    examples: [['cache list /photos', 'how much of each file is here']],
  },
  'cache clear': {
    ...NO_PATH,
    about: 'drop all contents that are neither pinned, nor being read, nor still to be written to the grid',
    examples: [['cache clear', 'make room']],
  },
  'cache verify': {
    ...NO_PATH,
    about:
      'open every block on the disk and tell whether it is whole; exit code 5 where damage is found and stays',
    examples: [['cache verify --repair', 'drop what is damaged']],
  },
  'cache refresh': {
    ...PATHS,
    about: 'read the listings of paths from the grid now, whatever their age',
    examples: [['cache refresh --recursive /photos', 'after another gateway has changed it']],
  },
  'cache forget': {
    ...PATHS,
    about: 'drop listings and contents of paths and all below them, pinned ones too, but no changes',
    examples: [['cache forget /old', 'it is read from the grid again when it is wanted']],
  },
  warmup: {
    ...PATHS,
    about: 'fetch all contents below paths now',
    examples: [['warmup /photos/2024', 'before the grid goes away']],
  },
  pin: {
    ...PATHS,
    usage: '[PATH...] [options]',
    minPaths: 0,
    about: 'fetch what stands at paths and keep it in the cache; without a path: tell what is pinned',
    examples: [
      ['pin /music', 'always here'],
      ['pin', 'what is pinned'],
    ],
  },
  unpin: {
    ...PATHS,
    about: 'let what was pinned go again when room is needed',
    examples: [['unpin /music', 'it stays until then']],
  },
};

/** What the commands that begin with it have in common is no command itself. */
export const CACHE_WORD = 'cache';
export const CACHE_ABOUT = 'look after the cache: stats, list, clear, verify, refresh or forget';

const COMMAND_NAMES: readonly CommandName[] = Object.keys(COMMANDS) as CommandName[];

/** The first words: `cache`, `pin` ... */
export const FIRST_WORDS: readonly string[] = [
  ...new Set(COMMAND_NAMES.map((name) => name.split(' ')[0] ?? name)),
];

/** The words behind `cache`. */
export const CACHE_WORDS: readonly string[] = COMMAND_NAMES.filter((name) =>
  name.startsWith(`${CACHE_WORD} `),
).map((name) => name.slice(CACHE_WORD.length + 1));
