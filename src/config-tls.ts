// Which certificate the server shows, and the oldest TLS that it speaks.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FsError } from './base/errors.ts';
import type { Settings } from './config-settings.ts';
import { parseChoice } from './config-values.ts';

export interface TlsSettings {
  readonly certFile: string;
  readonly keyFile: string;
  /** It is made where it is not there. */
  readonly isSelfSigned: boolean;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
}

const TLS_KINDS = ['self-signed'] as const;
const TLS_VERSIONS = ['1.2', '1.3'] as const;

/** Undefined = no TLS. Nothing is opened here. */
export function readTls(settings: Settings): TlsSettings | undefined {
  const [cert, key] = [settings.path('cert'), settings.path('key')];
  if ((cert === undefined) !== (key === undefined)) {
    throw new FsError('bad-config', '--cert and --key go together');
  }
  const how = settings.parsed('tls', (text) => parseChoice(text, TLS_KINDS), undefined);
  if (how !== undefined && cert !== undefined) {
    throw new FsError('bad-config', '--tls self-signed and --cert both say which certificate; give one');
  }
  const version = settings.parsed('min-tls-version', (text) => parseChoice(text, TLS_VERSIONS), '1.2');
  const minVersion = version === '1.3' ? 'TLSv1.3' : 'TLSv1.2';
  if (cert !== undefined && key !== undefined) {
    return { certFile: cert, keyFile: key, isSelfSigned: false, minVersion };
  }
  const folder = join(settings.xdg('XDG_CONFIG_HOME', '.config'), 'tls');
  const own = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
  return how === undefined ? undefined : { ...own, isSelfSigned: true, minVersion };
}

/** Once, at the start; whether there is a key at all shows when it is used. */
export async function warnOfKey(settings: Settings, tls: TlsSettings | undefined): Promise<void> {
  if (tls !== undefined) {
    const isExposed = await stat(tls.keyFile).then(
      (found) => found.isFile() && (found.mode & 0o044) !== 0,
      () => false,
    );
    settings.warnIfExposed(tls.keyFile, 'the private key', isExposed);
  }
}
