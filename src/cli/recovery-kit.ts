// `recovery-kit`: what a new machine needs, written into one sealed file, and put in place from it. No secret is shown,
// and none lies unsealed on the way.
import { access, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { AppParts } from '../app.ts';
import { FsError } from '../base/errors.ts';
import type { Config } from '../config.ts';
import type { KitExportConfig, KitImportConfig } from '../config-kit.ts';
import { filesOf, placeFiles, SETTINGS_NAME } from '../kit-files.ts';
import { embeddedCaps, findRoots } from '../kit-roots.ts';
import { openKit, writeKit } from '../recovery-kit.ts';
import { showCount } from './amounts.ts';
import { ControlClient } from './control-client.ts';
import { DONE } from './exit-codes.ts';
import type { Output } from './output.ts';
import { RemoteSync } from './remote-sync.ts';
import { runningServers } from './running-servers.ts';

interface KitCommand {
  readonly config: Config;
  readonly parts: AppParts;
  readonly output: Output;
  readonly signal: AbortSignal;
}

export async function exportKit(task: KitExportConfig & KitCommand): Promise<number> {
  const { config, parts, output, out } = task;
  await refuseExisting(out);
  const embedded = config.nodeUrl === undefined ? await embeddedCaps(config.configDir) : [];
  const rootCaps = [
    ...(config.rootCapText === undefined ? [] : [config.rootCapText]),
    ...embedded.map(({ content }) => Buffer.from(content, 'base64').toString('utf8')),
  ];
  if (rootCaps.length === 0 && task.accountFiles.length === 0) {
    throw new FsError('bad-config', 'there is no rootcap and no accounts file to put into the kit', {
      hint: 'give --node-url URL and --rootcap-file FILE, or --accounts FILE, as for serve',
    });
  }
  const { roots, withoutTrash } = await findRoots(
    { cacheDir: config.cacheDir, rootCaps, runningTrash: await trashOfRunning(task) },
    parts,
  );
  const kit = {
    writtenAtMs: parts.clock.now(),
    rootCap: config.rootCapText ?? null,
    password: config.account?.password ?? null,
    accounts: await Promise.all(task.accountFiles.map(accountsFile)),
    embedded,
    roots,
    settings: task.settings,
  };
  filesOf(kit, { into: '/', configDir: '/', cacheDir: '/' }); // refuses what could not be put in place again
  await writeKit(out, kit, await task.newPassphrase());
  const entries = roots.reduce((sum, { trash }) => sum + trash.length, 0);
  output.line(
    `wrote ${out}: ${showCount(roots.length, 'root')}, ${showCount(entries, 'entry', 'entries')} of the trash, ` +
      `${showCount(kit.accounts.length, 'accounts file')}, settings`,
  );
  for (const line of notIn(config, withoutTrash)) {
    output.complain(line);
  }
  output.line(
    'Keep it in another place, and the passphrase in a third. Make a new one when accounts or settings change.',
  );
  return DONE;
}

export async function importKit(
  task: KitImportConfig & KitCommand & { readonly file: string },
): Promise<number> {
  const { config, file, output } = task;
  const kit = await openKit((await bytesOf(file)).toString('utf8'), task.passphrase);
  const files = filesOf(kit, { into: task.into, configDir: config.configDir, cacheDir: config.cacheDir });
  await placeFiles(files, task.isForced);
  for (const { file: placed, what } of files) {
    output.line(`${what}: ${placed}`);
  }
  for (const name of ['cert', 'key', 'tahoe-dir']) {
    const [place] = kit.settings[name] ?? [];
    if (place !== undefined) {
      output.complain(`not in the kit, put it back yourself: ${name} ${place}`);
    }
  }
  if (kit.embedded.length > 0) {
    output.complain(`not in the kit: the data directory; put its backup at ${dataDirOf(kit, config)}`);
  }
  output.line(`Next: tahoe-webdav serve --config ${join(task.into, SETTINGS_NAME)}`);
  output.line(
    'The secrets lie there in clear, for their owner only: tahoe-webdav secret seal FILE seals one.',
  );
  return DONE;
}

async function refuseExisting(out: string): Promise<void> {
  const isThere = await access(out).then(
    () => true,
    () => false,
  );
  if (isThere) {
    throw new FsError('exists', `${out} is there already`, { hint: 'give --out the name of a new file' });
  }
}

/** Only the server itself can read its store while it runs. */
async function trashOfRunning({ config, signal }: KitCommand) {
  const running = new Map(
    (await runningServers(config.cacheDir)).map(({ rootId, socketPath }) => [rootId, socketPath]),
  );
  return async (rootId: string) => {
    const socketPath = running.get(rootId);
    if (socketPath === undefined) {
      return undefined;
    }
    const trash = [];
    for await (const record of new RemoteSync(new ControlClient(socketPath, signal)).sealedTrash()) {
      trash.push(record);
    }
    return trash;
  };
}

async function accountsFile(file: string) {
  const content = await bytesOf(resolve(file));
  return { name: basename(file), content: content.toString('base64') };
}

function notIn(config: Config, withoutTrash: readonly string[]): readonly string[] {
  return [
    ...(config.nodeUrl === undefined
      ? [`not in it: ${config.dataDir}, where the embedded store keeps the files: back it up apart`]
      : []),
    ...(config.tls === undefined ? [] : ['not in it: the certificate and its key']),
    ...withoutTrash.map(
      (rootId) => `not in it: the trash of root ${rootId}, of which no server runs and no cap was given`,
    ),
  ];
}

/** Not a text: what was sealed stays so, and nothing of it is understood here. */
async function bytesOf(file: string): Promise<Buffer> {
  return await readFile(file).catch((error: unknown) => {
    throw new FsError('bad-config', `can not read ${file}`, { cause: error });
  });
}

function dataDirOf(
  { settings }: { readonly settings: Readonly<Record<string, readonly string[]>> },
  config: Config,
) {
  return settings['data-dir']?.[0] ?? config.dataDir;
}
