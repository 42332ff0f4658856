// Where the sources are: the compiled tests lie at another depth.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function findProject(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : findProject(dirname(folder));
}

export const projectDir: string = findProject(dirname(fileURLToPath(import.meta.url)));
