// A file with a secret is sealed, opened, or sealed under another passphrase, in place: whole, or it stays as it was.
import { FsError } from './base/errors.ts';
import type { SecretCommandName } from './config-commands.ts';
import type { SecretTaskConfig } from './config-kit.ts';
import { readSecretFile } from './config-secrets.ts';
import { isSealed } from './seal/sealed-file.ts';
import { openSecretText, writeSecretFile } from './seal/secret-file.ts';

/** Throws `bad-config` for a wrong passphrase, and where nothing is to be done. */
export async function changeSecretFile(
  command: SecretCommandName,
  file: string,
  { passphrase, newPassphrase }: SecretTaskConfig,
): Promise<void> {
  const found = await readSecretFile(file, 'a secret');
  if (isSealed(found.text) === (command === 'secret seal')) {
    throw new FsError('bad-config', `${file} is ${isSealed(found.text) ? 'sealed already' : 'not sealed'}`);
  }
  const { text } = await openSecretText(found.text, file, passphrase);
  await writeSecretFile(file, {
    text,
    passphrase: command === 'secret open' ? undefined : await newPassphrase(),
  });
}
