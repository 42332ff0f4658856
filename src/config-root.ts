// Which node is asked, and which of its directories is the root: by URL or Tahoe directory; by file, program, alias,
// environment or systemd credential. Where two of them are said at once, neither is guessed.
import { join } from 'node:path';
import { FsError } from './base/errors.ts';
import { ROOTCAP_VARIABLE } from './config-options.ts';
import { credentialOf, openSecretFile, warnIfInClear } from './config-passphrase.ts';
import { lineOfProgram } from './config-program.ts';
import { aliasesFile, firstLine, parseAliases, readSecretFile } from './config-secrets.ts';
import { contradiction, parseSetting, type Settings } from './config-settings.ts';
import { type NodeAddress, parseAliasName, parseNodeUrl } from './config-values.ts';

/** Where create-root puts the cap of the root that it makes. */
export type RootPlace =
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'alias'; readonly name: string; readonly aliasesFile: string };

/** The node to ask, from its URL or its directory; undefined = the embedded gateway. */
export async function readNode(settings: Settings): Promise<NodeAddress | undefined> {
  const chosen = settings.oneOf(['node-url', 'tahoe-dir'], 'which node to ask');
  if (chosen !== 'tahoe-dir') {
    return chosen && settings.parsed<NodeAddress | undefined>('node-url', parseNodeUrl, undefined);
  }
  const file = join(settings.path('tahoe-dir') ?? '', 'node.url');
  const { text } = await readSecretFile(file, 'the URL of the node');
  return parseSetting({ texts: [firstLine(text) ?? ''], where: file }, parseNodeUrl);
}

/** The cap of the directory to serve, as text; undefined = the embedded gateway's own. */
export async function readRootCap(settings: Settings, hasNode: boolean): Promise<string | undefined> {
  const cap = await findRootCap(settings, hasNode);
  if (cap === undefined && hasNode) {
    throw new FsError('bad-config', 'which directory of the grid to serve is not said', {
      hint:
        'give --rootcap-file FILE or --alias NAME; a new root is made by: ' +
        'tahoe-webdav create-root --node-url URL --rootcap-file FILE',
    });
  }
  return cap;
}

/** The cap that the settings name; undefined where they name none. */
export async function findRootCap(settings: Settings, hasNode: boolean): Promise<string | undefined> {
  const chosen = rootSource(settings);
  switch (chosen) {
    case 'environment':
      return variableCap(settings);
    case 'rootcap-file':
      return capOfFile(settings);
    case 'rootcap-command':
      return capOfProgram(settings);
    case 'alias':
      if (!hasNode) {
        throw new FsError('bad-config', '--alias names a directory of a grid, and no node is given', {
          hint: 'give --tahoe-dir DIR or --node-url URL',
        });
      }
      return capOfAlias(settings);
    default:
      return await capOfCredential(settings);
  }
}

export function readRootPlace(settings: Settings): RootPlace {
  const chosen = settings.oneOf(['rootcap-file', 'alias'], 'where the new cap goes');
  if (chosen === undefined) {
    throw new FsError('bad-config', 'where the new cap goes is not said', {
      hint: 'give --rootcap-file FILE or --alias NAME',
    });
  }
  if (chosen === 'alias') {
    const name = settings.parsed('alias', parseAliasName, '');
    return { kind: 'alias', name, aliasesFile: aliasesPath(settings) };
  }
  if (settings.find('rootcap-file')?.texts[0] === '-') {
    throw new FsError('bad-config', 'create-root prints no cap', {
      hint: 'give --rootcap-file the name of a new file',
    });
  }
  return { kind: 'file', file: settings.path('rootcap-file') ?? '' };
}

const OTHER_WAYS = 'give the cap by --rootcap-file - or --rootcap-command COMMAND';

type RootSource = 'rootcap-file' | 'rootcap-command' | 'alias' | 'environment';

function rootSource(settings: Settings): RootSource | undefined {
  const [flags, env, file] = settings.layers;
  for (const layer of [flags, env, file]) {
    const options = (['rootcap-file', 'rootcap-command', 'alias'] as const).filter((name) =>
      layer?.has(name),
    );
    const hasVariable = layer === env && variableCap(settings) !== undefined;
    if (options.length + (hasVariable ? 1 : 0) > 1) {
      const wheres = options.map((name) => layer?.get(name)?.where ?? name);
      throw contradiction([...wheres, ...(hasVariable ? [ROOTCAP_VARIABLE] : [])], 'which root to serve');
    }
    const chosen = hasVariable ? 'environment' : options[0];
    if (chosen) {
      return chosen;
    }
  }
  return undefined;
}

function variableCap(settings: Settings): string | undefined {
  return firstLine(settings.sources.env[ROOTCAP_VARIABLE] ?? '');
}

async function capOfFile(settings: Settings): Promise<string> {
  const isStdin = settings.find('rootcap-file')?.texts[0] === '-';
  const file = isStdin ? 'standard input' : (settings.path('rootcap-file') ?? '');
  if (isStdin) {
    return capIn(await settings.readStdin('--rootcap-file'), file);
  }
  const { text, isExposed, passphrase } = await openSecretFile(settings, file, 'the rootcap');
  const cap = capIn(text, file);
  settings.warnIfExposed(file, 'the rootcap', isExposed);
  await warnIfInClear(settings, {
    file,
    what: 'the rootcap',
    isSealed: passphrase !== undefined,
    instead: `seal it (tahoe-webdav secret seal ${file}), keep it on another disk, or ${OTHER_WAYS}`,
  });
  return cap;
}

async function capOfProgram(settings: Settings): Promise<string> {
  const { texts, where } = settings.find('rootcap-command') ?? { texts: [], where: '--rootcap-command' };
  return await lineOfProgram({ commandLine: texts[0] ?? '', where, env: settings.sources.env });
}

/** Put ready by systemd: in memory, and for this service only. */
async function capOfCredential(settings: Settings): Promise<string | undefined> {
  const file = await credentialOf(settings, 'rootcap');
  return file && capIn((await openSecretFile(settings, file, 'the rootcap')).text, file);
}

function capIn(text: string, file: string): string {
  const cap = firstLine(text);
  if (cap === undefined) {
    throw new FsError('bad-config', `${file} holds no cap`, {
      hint: 'its first line is to be the cap of a directory',
    });
  }
  return cap;
}

async function capOfAlias(settings: Settings): Promise<string> {
  const name = settings.parsed('alias', parseAliasName, '');
  const file = aliasesPath(settings);
  const { text, isExposed } = await readSecretFile(file, 'the aliases');
  const cap = parseAliases(text).get(name);
  if (cap === undefined) {
    throw new FsError('bad-config', `there is no alias ${name} in ${file}`);
  }
  settings.warnIfExposed(file, 'caps', isExposed);
  await warnIfInClear(settings, { file, what: 'the rootcap', isSealed: false, instead: OTHER_WAYS });
  return cap;
}

/** In Tahoe's own default directory where only a URL says which node. */
function aliasesPath(settings: Settings): string {
  return aliasesFile(settings.path('tahoe-dir') ?? join(settings.sources.homeDir, '.tahoe'));
}
