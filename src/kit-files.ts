// What a recovery kit puts on a new machine, file by file: all of it or nothing, and nothing in place of what is there.
import { mkdir, readFile, rename, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder } from './base/atomic-file.ts';
import { FsError, systemCode } from './base/errors.ts';
import { isOptionName, OPTIONS } from './config-options.ts';
import type { RecoveryKit } from './recovery-kit.ts';
import { createSecretFile } from './seal/secret-file.ts';
import { KIT_TRASH_NAME } from './sync/trash-of-kit.ts';

export interface KitPlaces {
  /** For rootcap, password, accounts files and settings. */
  readonly into: string;
  /** Where caps of embedded stores are looked for. */
  readonly configDir: string;
  readonly cacheDir: string;
}

export interface PlannedFile {
  readonly file: string;
  readonly what: string;
  readonly content: Buffer;
  /** Never replaced, whatever was said: what lies beside it opens with it alone. */
  readonly isSalt: boolean;
}

export const SETTINGS_NAME = 'tahoe-webdav.yaml';

export function filesOf(kit: RecoveryKit, { into, configDir, cacheDir }: KitPlaces): readonly PlannedFile[] {
  const files: PlannedFile[] = [];
  const add = (file: string, what: string, content: Buffer | string, isSalt = false): string => {
    files.push({ file, what, content: Buffer.from(content as string), isSalt });
    return file;
  };
  const settings = new Map<string, readonly string[]>(Object.entries(kit.settings));
  if (kit.rootCap !== null) {
    settings.set('rootcap-file', [add(join(into, 'rootcap'), 'the rootcap', `${kit.rootCap}\n`)]);
  }
  if (kit.password !== null) {
    settings.set('password-file', [add(join(into, 'password'), 'the password', `${kit.password}\n`)]);
  }
  const accounts = kit.accounts.map(({ name, content }) =>
    add(join(into, name), 'accounts', Buffer.from(content, 'base64')),
  );
  if (accounts.length > 0) {
    settings.set('accounts', accounts.slice(0, 1));
  }
  for (const { name, content } of kit.embedded) {
    add(join(configDir, name), 'the cap of an embedded store', Buffer.from(content, 'base64'));
  }
  for (const { rootId, salt, trash } of kit.roots) {
    add(join(cacheDir, rootId, 'salt'), 'the salt of a root', Buffer.from(salt, 'base64'), true);
    if (trash.length > 0) {
      add(join(cacheDir, rootId, KIT_TRASH_NAME), 'the trash of a root', JSON.stringify(trash));
    }
  }
  settings.set('cache-dir', [cacheDir]);
  add(join(into, SETTINGS_NAME), 'the settings', yamlOf(settings));
  refuseDoubles(files);
  return files;
}

/** Throws `exists` where something stands in the way, and undoes what was done. */
export async function placeFiles(files: readonly PlannedFile[], isForced: boolean): Promise<void> {
  const wanted = await withoutSame(files);
  await refuseExisting(wanted, isForced);
  const undo: Array<() => Promise<unknown>> = [];
  try {
    for (const { file, content } of wanted) {
      const made = await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      if (made !== undefined) {
        undo.push(() => removeFolders(dirname(file), made));
      }
      if (await isThere(file)) {
        await rename(file, `${file}${KEPT}`);
        undo.push(() => rename(`${file}${KEPT}`, file));
      }
      undo.push(() => unlink(file));
      await createSecretFile(file, content);
      await syncFolder(dirname(file));
    }
  } catch (error) {
    for (const step of undo.reverse()) {
      await step().catch(() => {}); // the first failure is the one to tell
    }
    throw error;
  }
}

const KEPT = '.before-import';

/** A salt that is there already is as good as the kit's, if it is the same. */
async function withoutSame(files: readonly PlannedFile[]): Promise<readonly PlannedFile[]> {
  const isSame = await Promise.all(
    files.map(async ({ file, content, isSalt }) => {
      return isSalt && (await isThere(file)) && content.equals(await readFile(file));
    }),
  );
  return files.filter((_file, index) => isSame[index] !== true);
}

async function refuseExisting(files: readonly PlannedFile[], isForced: boolean): Promise<void> {
  for (const { file, isSalt } of files) {
    if (!(await isThere(file))) {
      continue;
    }
    if (isSalt) {
      throw new FsError('exists', `${file} is there and another one: nothing was changed`, {
        hint: 'give an empty --cache-dir',
      });
    }
    if (!isForced || (await isThere(`${file}${KEPT}`))) {
      throw new FsError('exists', `${file} is there already: nothing was changed`, {
        hint: isForced ? `move ${file}${KEPT} away first` : 'move it away, give --into DIR, or --force',
      });
    }
  }
}

function refuseDoubles(files: readonly PlannedFile[]): void {
  const names = files.map(({ file }) => file);
  const double = names.find((name, index) => names.indexOf(name) !== index);
  if (double !== undefined) {
    throw new FsError('bad-config', `the kit has two files for ${double}`);
  }
}

/** JSON values are YAML. */
function yamlOf(settings: ReadonlyMap<string, readonly string[]>): string {
  const lines = [...settings].map(([name, texts]) => {
    const isList = isOptionName(name) && OPTIONS[name].kind === 'list';
    return `${name}: ${JSON.stringify(isList ? texts : texts[0])}\n`;
  });
  return `# From a recovery kit: the settings that the server ran with.\n${lines.join('')}`;
}

async function removeFolders(folder: string, top: string): Promise<void> {
  await rmdir(folder);
  if (folder !== top) {
    await removeFolders(dirname(folder), top);
  }
}

async function isThere(file: string): Promise<boolean> {
  return await stat(file).then(
    () => true,
    (error: unknown) => {
      if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) {
        return false;
      }
      throw error;
    },
  );
}
