// Which node is asked, and which of its directories is the root: by URL or Tahoe directory; by file, alias or
// environment. Where two of them are said at once, neither is guessed.
import { join } from 'node:path';
import { FsError } from './base/errors.ts';
import { ROOTCAP_VARIABLE } from './config-options.ts';
import { aliasesFile, firstLine, isOnSameDisk, parseAliases, readSecretFile } from './config-secrets.ts';
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
    case 'alias':
      if (!hasNode) {
        throw new FsError('bad-config', '--alias names a directory of a grid, and no node is given', {
          hint: 'give --tahoe-dir DIR or --node-url URL',
        });
      }
      return capOfAlias(settings);
    default:
      return undefined;
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

function rootSource(settings: Settings): 'rootcap-file' | 'alias' | 'environment' | undefined {
  const [flags, env, file] = settings.layers;
  for (const layer of [flags, env, file]) {
    const options = (['rootcap-file', 'alias'] as const).filter((name) => layer?.has(name));
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
  const { text, isExposed } = isStdin
    ? { text: await settings.sources.readStdin(), isExposed: false }
    : await readSecretFile(file, 'the rootcap');
  const cap = firstLine(text);
  if (cap === undefined) {
    throw new FsError('bad-config', `${file} holds no cap`, {
      hint: 'its first line is to be the cap of a directory',
    });
  }
  settings.warnIfExposed(file, 'the rootcap', isExposed);
  if (!isStdin) {
    await warnIfBesideCache(settings, file);
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
  await warnIfBesideCache(settings, file);
  return cap;
}

/** What is sealed in the cache directory is open to whoever has both. */
async function warnIfBesideCache(settings: Settings, file: string): Promise<void> {
  if (settings.command !== 'serve') {
    return; // once is enough
  }
  const cacheDir = settings.path('cache-dir') ?? settings.xdg('XDG_STATE_HOME', '.local/state');
  if (await isOnSameDisk(file, cacheDir)) {
    settings.warnings.push(
      `${file} holds the rootcap in clear, on the disk of the cache directory: who gets that disk can read both. ` +
        'To keep them apart, keep the file on another disk, or give the cap by --rootcap-file -',
    );
  }
}

/** In Tahoe's own default directory where only a URL says which node. */
function aliasesPath(settings: Settings): string {
  return aliasesFile(settings.path('tahoe-dir') ?? join(settings.sources.homeDir, '.tahoe'));
}
