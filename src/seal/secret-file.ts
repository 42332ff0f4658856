// A file with a secret, plain or sealed under a passphrase: read whichever it is, and written back as it was.
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { replaceFile } from '../base/atomic-file.ts';
import { FsError } from '../base/errors.ts';
import { randomId } from './random.ts';
import { isSealed, openSealed, sealText } from './sealed-file.ts';

export interface SecretText {
  readonly text: string;
  /** Undefined = it lies there in clear. */
  readonly passphrase: string | undefined;
}

/** Opens `text` where it is sealed; only then the passphrase is asked for. `name` says in a message what it was. */
export async function openSecretText(
  text: string,
  name: string,
  passphraseOf: () => Promise<string>,
): Promise<SecretText> {
  if (!isSealed(text)) {
    return { text, passphrase: undefined };
  }
  const passphrase = await passphraseOf();
  try {
    return { text: (await openSealed(text, passphrase)).toString('utf8'), passphrase };
  } catch (error) {
    throw error instanceof FsError ? named(name, error) : error;
  }
}

/** Replaces `file`, or what it links to, in one step, mode 0600; sealed where there is a passphrase. */
export async function writeSecretFile(file: string, content: SecretText): Promise<void> {
  const { text, passphrase } = content;
  const written = passphrase === undefined ? text : await sealText(Buffer.from(text), passphrase);
  const target = await realpath(file).catch(() => file);
  await replaceFile(target, `${target}.${randomId()}.tmp`, 0o600, async (handle: FileHandle) => {
    await handle.writeFile(written);
  });
}

/** Makes `file`, mode 0600; never in place of another: EEXIST then. */
export async function createSecretFile(file: string, text: string | Buffer): Promise<void> {
  await using handle = await open(file, 'wx', 0o600);
  await handle.writeFile(text);
  await handle.sync();
}

function named(name: string, error: FsError): FsError {
  const options = { cause: error, ...(error.hint === undefined ? {} : { hint: error.hint }) };
  return new FsError(error.code, `${name} can not be opened: ${error.message}`, options);
}
