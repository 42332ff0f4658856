// The accounts file of Tahoe's own SFTP front end (docs/frontends/FTP-and-SFTP.rst): a line for each account,
// `NAME PASSWORD CAP` in older versions, `NAME KEY-TYPE KEY [COMMENT] CAP` for those who log in with a key. Names and caps
// are taken, and the passwords; a key opens nothing here.
import { FsError } from '../base/errors.ts';
import { isDirectoryCap, parseCap } from '../tahoe/caps.ts';
import { checkedName } from './accounts-file.ts';

export interface SftpdAccount {
  readonly name: string;
  /** In clear, as the file has it; undefined for one that logs in with a key. */
  readonly password: string | undefined;
  readonly cap: string;
}

const KEY_TYPE = /^(?:ssh-|ecdsa-)/;

/** Whether the first line that says anything ends in a cap, as no YAML of ours does. */
export function isSftpdFile(text: string): boolean {
  const first = linesOf(text)[0]?.words ?? [];
  return first.length >= 3 && !(first[0] ?? '').endsWith(':') && /^URI:/.test(first.at(-1) ?? '');
}

/** Throws `bad-config` with the number of the line. */
export function parseSftpdFile(text: string, file: string): readonly SftpdAccount[] {
  return linesOf(text).map(({ number, words }) => {
    const where = `${file}, line ${number}`;
    const [name, second = '', ...rest] = words;
    const cap = rest.at(-1) ?? '';
    const isKey = KEY_TYPE.test(second);
    if (!isDirectoryCap(parseCap(cap)) || (isKey ? rest.length < 2 : rest.length !== 1)) {
      throw new FsError('bad-config', `${where} is none of an accounts file of Tahoe's SFTP front end`, {
        hint: 'NAME PASSWORD CAP, or NAME KEY-TYPE KEY CAP, with the cap of a directory',
      });
    }
    return { name: checkedName(name, where), password: isKey ? undefined : second, cap };
  });
}

function linesOf(
  text: string,
): ReadonlyArray<{ readonly number: number; readonly words: readonly string[] }> {
  return text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .map((line, index) => ({ number: index + 1, line: line.trim() }))
    .filter(({ line }) => line !== '' && !line.startsWith('#'))
    .map(({ number, line }) => ({ number, words: line.split(/\s+/) }));
}
