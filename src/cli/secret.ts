// `secret`: a file with a secret is sealed under a passphrase, opened, or sealed under another one, in place. Nothing of
// it is shown.
import { FsError } from '../base/errors.ts';
import type { SecretCommandName } from '../config-commands.ts';
import type { SecretTaskConfig } from '../config-kit.ts';
import { readSecretFile } from '../config-secrets.ts';
import { isSealed, openSealed } from '../seal/sealed-file.ts';
import { writeSecretFile } from '../seal/secret-file.ts';
import { DONE } from './exit-codes.ts';
import type { Output } from './output.ts';

interface SecretTask extends SecretTaskConfig {
  readonly file: string;
  readonly output: Output;
}

/** Where it fails, the file is as it was. */
export async function secret(command: SecretCommandName, task: SecretTask): Promise<number> {
  const { file, output } = task;
  const { text } = await readSecretFile(file, 'a secret');
  if (isSealed(text) === (command === 'secret seal')) {
    throw new FsError('bad-config', `${file} is ${isSealed(text) ? 'sealed already' : 'not sealed'}`);
  }
  const plain = isSealed(text) ? await opened(text, task) : text;
  const passphrase = command === 'secret open' ? undefined : await task.newPassphrase();
  await writeSecretFile(file, { text: plain, passphrase });
  output.line(SAID[command](file));
  return DONE;
}

const SAID: Readonly<Record<SecretCommandName, (file: string) => string>> = {
  'secret seal': (file) => `sealed ${file}; whoever forgets the passphrase loses what is in it`,
  'secret open': (file) => `${file} is in clear now, for its owner only`,
  'secret change': (file) =>
    `${file} opens with the new passphrase only; older copies of it with the old one`,
};

async function opened(text: string, { passphrase }: SecretTask): Promise<string> {
  return (await openSealed(text, await passphrase())).toString('utf8');
}
