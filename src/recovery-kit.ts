// A recovery kit: what a new machine needs to have everything again that was on the grid. JSON, sealed as a whole under a
// passphrase (seal/sealed-file.ts).
import { FsError } from './base/errors.ts';
import type { SealedRecord } from './edits/sealed-records.ts';
import { isSealed, openSealed, sealText } from './seal/sealed-file.ts';
import { createSecretFile } from './seal/secret-file.ts';
import { parseSealedRecords } from './sync/trash-of-kit.ts';

/** The folder of a root in the cache directory. */
export interface KitRoot {
  readonly rootId: string;
  /** In base64. */
  readonly salt: string;
  readonly trash: readonly SealedRecord[];
}

/** A file whose name is kept, and its bytes in base64. */
export interface KitFile {
  readonly name: string;
  readonly content: string;
}

export interface RecoveryKit {
  readonly writtenAtMs: number;
  /** Of the root that the settings name; null where the embedded store has its own. */
  readonly rootCap: string | null;
  readonly password: string | null;
  /** Whole: what was sealed is sealed. */
  readonly accounts: readonly KitFile[];
  /** The caps of embedded stores. */
  readonly embedded: readonly KitFile[];
  readonly roots: readonly KitRoot[];
  /** Options of the server, without those that say where a secret lies. */
  readonly settings: Readonly<Record<string, readonly string[]>>;
}

const FORMAT = 'tahoe-webdav recovery kit';
const VERSION = 1;

/** Into a new file; nothing of it touches the disk unsealed. */
export async function writeKit(file: string, kit: RecoveryKit, passphrase: string): Promise<void> {
  const json = JSON.stringify({ format: FORMAT, version: VERSION, ...kit });
  await createSecretFile(file, await sealText(Buffer.from(json), passphrase));
}

/** Throws `bad-config` for a wrong passphrase, and for what is no kit or a newer one. */
export async function openKit(text: string, passphrase: () => Promise<string>): Promise<RecoveryKit> {
  if (!isSealed(text)) {
    throw notKit();
  }
  const kit = parse((await openSealed(text, await passphrase())).toString('utf8'));
  if (kit['format'] !== FORMAT) {
    throw notKit();
  }
  if (kit['version'] !== VERSION) {
    throw new FsError('bad-config', `the recovery kit has a version that this program does not know`, {
      hint: 'it was written by a newer tahoe-webdav',
    });
  }
  return {
    writtenAtMs: Number(kit['writtenAtMs']),
    rootCap: textOrNull(kit['rootCap']),
    password: textOrNull(kit['password']),
    accounts: listOf(kit['accounts'], fileOf),
    embedded: listOf(kit['embedded'], fileOf),
    roots: listOf(kit['roots'], rootOf),
    settings: settingsOf(kit['settings']),
  };
}

function parse(json: string): Readonly<Record<string, unknown>> {
  try {
    return record(JSON.parse(json));
  } catch (error) {
    throw notKit(error);
  }
}

function notKit(cause?: unknown): FsError {
  return new FsError('bad-config', 'this is no recovery kit', {
    hint: 'one is made by: tahoe-webdav recovery-kit export --out FILE',
    cause,
  });
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw notKit();
  }
  return value as Readonly<Record<string, unknown>>;
}

function listOf<T>(value: unknown, one: (value: Readonly<Record<string, unknown>>) => T): readonly T[] {
  if (!Array.isArray(value)) {
    throw notKit();
  }
  return value.map((item) => one(record(item)));
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') {
    throw notKit();
  }
  return value;
}

function textOrNull(value: unknown): string | null {
  return value === null ? null : textOf(value);
}

/** A plain name: a kit made by others puts nothing elsewhere. */
function fileOf({ name, content }: Readonly<Record<string, unknown>>): KitFile {
  if (!/^[^/\\\0]{1,200}$/.test(textOf(name)) || ['.', '..'].includes(textOf(name))) {
    throw notKit();
  }
  return { name: textOf(name), content: textOf(content) };
}

function rootOf({ rootId, salt, trash }: Readonly<Record<string, unknown>>): KitRoot {
  if (!/^[a-z2-7]{26}$/.test(textOf(rootId)) || Buffer.from(textOf(salt), 'base64').length !== 32) {
    throw notKit();
  }
  return { rootId: textOf(rootId), salt: textOf(salt), trash: parseSealedRecords(trash) };
}

function settingsOf(value: unknown): RecoveryKit['settings'] {
  const entries = Object.entries(record(value)).map(([name, texts]) => {
    return [name, Array.isArray(texts) ? texts.map(textOf) : []] as const;
  });
  return Object.fromEntries(entries);
}
