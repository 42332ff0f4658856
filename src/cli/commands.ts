// Every command there is: what its help says, and how many arguments it takes.
import type { CommandName } from '../config-commands.ts';

export interface CommandSpec {
  readonly about: string;
  /** What stands after the name in the help. */
  readonly usage: string;
  /** What its arguments are. */
  readonly takes: 'paths' | 'ids' | 'files' | 'names';
  readonly minArguments: number;
  readonly maxArguments: number;
  readonly examples: ReadonlyArray<readonly [string, string]>;
}

const NO_PATH = { usage: '[options]', takes: 'paths', minArguments: 0, maxArguments: 0 } as const;
const MAYBE_PATH = { usage: '[PATH] [options]', takes: 'paths', minArguments: 0, maxArguments: 1 } as const;
const PATHS = {
  usage: 'PATH... [options]',
  takes: 'paths',
  minArguments: 1,
  maxArguments: Number.POSITIVE_INFINITY,
} as const;
const A_NAME = { usage: 'NAME [options]', takes: 'names', minArguments: 1, maxArguments: 1 } as const;
const A_FILE = { usage: 'FILE [options]', takes: 'files', minArguments: 1, maxArguments: 1 } as const;
const MAYBE_PATHS = { ...PATHS, usage: '[PATH...] [options]', minArguments: 0 } as const;

/** In the order of the help; the words behind those of GROUPS are commands of their own. */
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
  status: {
    ...MAYBE_PATH,
    about:
      'is it safe to switch off? is everything on the grid? what waits, what failed; exit code 4 where something waits',
    examples: [
      ['status', 'of the running server'],
      ['status /photos --all', 'every change below a path'],
      ['status --watch', 'again every second'],
    ],
  },
  flush: {
    ...MAYBE_PATHS,
    about: 'send what waits to the grid now; exit code 4 where something still waits or needs a decision',
    examples: [
      ['flush --wait', 'before the machine is given away'],
      ['flush /photos', 'these first'],
    ],
  },
  retry: {
    ...MAYBE_PATHS,
    about: 'try changes again that failed or were parked, without their waiting time',
    examples: [['retry', 'after the cause is gone']],
  },
  discard: {
    ...PATHS,
    about:
      "give up changes that are not on the grid yet: the grid's state is shown again, their contents go to the trash",
    examples: [['discard /a/b', 'asks first']],
  },
  recover: {
    ...NO_PATH,
    about:
      'bring back contents that were not on the grid when the metadata was lost, below /recovered TIME; ' +
      'exit code 5 where some are damaged',
    examples: [['recover', 'then writes begin again']],
  },
  'trash list': {
    ...NO_PATH,
    about: 'what was overwritten, deleted or discarded and can be restored',
    examples: [['trash list --json', 'for scripts']],
  },
  'trash restore': {
    ...PATHS,
    usage: 'ID... [options]',
    takes: 'ids',
    about: 'put entries of the trash where they were, or beside what stands there by now',
    examples: [['trash restore k3f7', 'an id as trash list shows it']],
  },
  'trash purge': {
    ...NO_PATH,
    about: 'forget entries of the trash for good',
    examples: [['trash purge --older-than 7d --yes', 'without a question']],
  },
  'cache stats': {
    ...NO_PATH,
    about: 'how full the cache is and how well it does',
    examples: [['cache stats', 'of the running server']],
  },
  'cache list': {
    ...MAYBE_PATH,
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
    ...MAYBE_PATHS,
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
  'user add': {
    ...A_NAME,
    about: 'add an account to the accounts file: a name, a password, and what it sees',
    examples: [
      ['user add alice --accounts accounts.yaml', 'asks for the cap and the password'],
      [
        'user add bob --accounts accounts.yaml --mount /=root --mount /team:ro=~/team.cap',
        'a shared tree, to read',
      ],
    ],
  },
  'user passwd': {
    ...A_NAME,
    about: 'give an account a new password; a running server takes it within seconds',
    examples: [['user passwd alice --accounts accounts.yaml', 'asks for it twice']],
  },
  'user remove': {
    ...A_NAME,
    about: 'take an account away: nobody logs in any more, and what it changed still goes to the grid',
    examples: [['user remove alice --accounts accounts.yaml', 'at once']],
  },
  'user list': {
    ...NO_PATH,
    about: 'who there is, with which rights; no cap and no password is shown',
    examples: [['user list --accounts accounts.yaml --json', 'for scripts']],
  },
  'user token': {
    ...A_NAME,
    usage: 'add|list|revoke NAME [ID] [options]',
    minArguments: 2,
    maxArguments: 3,
    about: 'passwords for single programs, which can be taken back alone: shown once, when they are made',
    examples: [
      ['user token add alice --label phone --read-only --path /photos', 'only to read, only there'],
      ['user token revoke alice 5f3a90c1', 'an id as user token list shows it'],
    ],
  },
  'user import': {
    ...A_FILE,
    about: "bring accounts over from the accounts file of Tahoe's SFTP front end",
    examples: [
      ['user import ~/.tahoe/private/accounts --accounts accounts.yaml', 'names, caps and passwords'],
    ],
  },
  'secret seal': {
    ...A_FILE,
    about:
      'seal a file with a secret under a passphrase, in place; it can be given wherever the plain one could',
    examples: [['secret seal ~/tahoe.rootcap', 'asks for the passphrase twice']],
  },
  'secret open': {
    ...A_FILE,
    about: 'put the plain text back into a sealed file, for its owner only; nothing of it is shown',
    examples: [['secret open ~/tahoe.rootcap', 'asks for the passphrase']],
  },
  'secret change': {
    ...A_FILE,
    about:
      'seal a sealed file under another passphrase, in place; copies of the old one still open with the old one',
    examples: [['secret change ~/tahoe.rootcap', 'asks for both']],
  },
  'recovery-kit export': {
    ...NO_PATH,
    usage: '--out FILE [options of serve]',
    about:
      'write one sealed file with all that a new machine needs: rootcap, accounts files, keys, trash and settings. ' +
      'Give the options that the server is started with',
    examples: [
      ['recovery-kit export --out kit --node-url URL --rootcap-file ~/rootcap', 'keep it elsewhere'],
    ],
  },
  'recovery-kit import': {
    ...A_FILE,
    about: 'put what a recovery kit holds where a new machine needs it; all of it, or nothing',
    examples: [['recovery-kit import kit', 'then start the server as it says']],
  },
};

/** First words that are no command alone, and what the commands behind them have in common. */
export const GROUPS = {
  cache: 'look after the cache: stats, list, clear, verify, refresh or forget',
  secret: 'files sealed under a passphrase: seal, open or change',
  'recovery-kit': 'what a new machine needs, in one sealed file: export or import',
  user: 'the accounts file: add, passwd, remove, list, token or import',
  trash: 'what was overwritten or deleted: list, restore or purge',
} as const;

export type GroupWord = keyof typeof GROUPS;

const COMMAND_NAMES: readonly CommandName[] = Object.keys(COMMANDS) as CommandName[];

/** The first words: `cache`, `pin` ... */
export const FIRST_WORDS: readonly string[] = [
  ...new Set(COMMAND_NAMES.map((name) => name.split(' ')[0] ?? name)),
];

export function isGroup(word: string): word is GroupWord {
  return Object.hasOwn(GROUPS, word);
}

/** The words behind that of a group. */
export function wordsOf(group: GroupWord): readonly string[] {
  return COMMAND_NAMES.filter((name) => name.startsWith(`${group} `)).map((name) =>
    name.slice(group.length + 1),
  );
}
