// `secret`: a file with a secret is sealed under a passphrase, opened, or sealed under another one. Nothing of it is shown.
import type { SecretCommandName } from '../config-commands.ts';
import type { SecretTaskConfig } from '../config-kit.ts';
import { changeSecretFile } from '../secret-in-place.ts';
import { DONE } from './exit-codes.ts';
import type { Output } from './output.ts';

interface SecretTask extends SecretTaskConfig {
  readonly file: string;
  readonly output: Output;
}

export async function secret(command: SecretCommandName, task: SecretTask): Promise<number> {
  const { file, output } = task;
  await changeSecretFile(command, file, task);
  output.line(SAID[command](file));
  return DONE;
}

const SAID: Readonly<Record<SecretCommandName, (file: string) => string>> = {
  'secret seal': (file) => `sealed ${file}; whoever forgets the passphrase loses what is in it`,
  'secret open': (file) => `${file} is in clear now, for its owner only`,
  'secret change': (file) =>
    `${file} opens with the new passphrase only; older copies of it with the old one`,
};
