// The certificate that the server shows: one that is given, or one that vouches for itself, made at the first start and kept
// until its end is near or it lacks a name.
import { mkdir, readFile } from 'node:fs/promises';
import { hostname, networkInterfaces } from 'node:os';
import { dirname } from 'node:path';
import type { AppParts } from './app.ts';
import { systemCode } from './base/errors.ts';
import type { Closers } from './closers.ts';
import type { Config } from './config.ts';
import type { TlsOptions } from './http/tls.ts';
import { type CertificateFacts, certificateFacts } from './seal/certificate.ts';
import { writeSecretFile } from './seal/secret-file.ts';

const DAY_MS = 86_400_000;
/** The most that macOS and iOS take of a certificate that a person has trusted is 825 (Apple HT210176). */
const DAYS = 800;
const RENEW_BEFORE_MS = 30 * DAY_MS;
const WARN_BEFORE_MS = 14 * DAY_MS;
/** Clients' clocks may be behind ours. */
const BEFORE_NOW_MS = DAY_MS;

/** Undefined = no TLS. */
export async function openTls(
  config: Config,
  parts: AppParts,
  closers: Closers,
): Promise<TlsOptions | undefined> {
  const { tls } = config;
  if (tls === undefined) {
    return undefined;
  }
  if (tls.isSelfSigned) {
    const { fingerprint } = await keepSelfSigned(tls, hostsOf(config), parts);
    parts.log.info({ fingerprint, certFile: tls.certFile }, 'the certificate vouches for itself: SHA-256');
  }
  await watchEnd(tls.certFile, parts, closers);
  return tls;
}

async function keepSelfSigned(
  { certFile, keyFile }: NonNullable<Config['tls']>,
  hosts: readonly string[],
  { clock, log }: AppParts,
): Promise<CertificateFacts> {
  const facts = await factsOf(certFile);
  // They are two files: a crash between them leaves halves of two pairs.
  const isPair = facts?.fits((await textOf(keyFile)) ?? '') ?? false;
  if (facts && isPair && facts.expiresAtMs - clock.now() > RENEW_BEFORE_MS && hosts.every(facts.covers)) {
    return facts;
  }
  const { makeSelfSigned } = await import('./seal/self-signed.ts');
  const made = await makeSelfSigned({ hosts, fromMs: clock.now() - BEFORE_NOW_MS, days: DAYS });
  await mkdir(dirname(keyFile), { recursive: true, mode: 0o700 });
  await writeSecretFile(keyFile, { text: made.key, passphrase: undefined });
  await writeSecretFile(certFile, { text: made.cert, passphrase: undefined });
  log.warn({ certFile, hosts }, 'made a new certificate: clients that trusted another one have to be told');
  return (
    (await factsOf(certFile)) ?? { fingerprint: '', expiresAtMs: 0, covers: () => false, fits: () => false }
  );
}

/** What clients may call this server. */
function hostsOf({ listen, allowedHosts }: Config): readonly string[] {
  const own = hostname().toLowerCase();
  const hosts = ['localhost', '127.0.0.1', '::1', ...allowedHosts];
  if (/^[a-z0-9.-]+$/.test(own)) {
    hosts.unshift(own, ...(own.includes('.') ? [] : [`${own}.local`]));
  }
  for (const address of listen) {
    if (address.kind === 'tcp') {
      const isEvery = ['', '0.0.0.0', '::'].includes(address.host);
      hosts.push(...(isEvery ? ownAddresses() : [address.host.replace(/%.*$/, '')]));
    }
  }
  return [...new Set(hosts)];
}

/** But for those that change by themselves: a new certificate each time would have to be trusted anew. */
function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .filter(({ internal, family, address }) => !internal && (family === 'IPv4' || /^f[cd]/.test(address)))
    .map(({ address }) => address);
}

/** At the start and each day: a certificate that ends locks everybody out. */
async function watchEnd(certFile: string, { clock, log }: AppParts, closers: Closers): Promise<void> {
  let timer: Disposable | undefined;
  const look = async (): Promise<void> => {
    const facts = await factsOf(certFile);
    const leftMs = (facts?.expiresAtMs ?? Number.POSITIVE_INFINITY) - clock.now();
    if (leftMs < WARN_BEFORE_MS) {
      const days = Math.floor(leftMs / DAY_MS);
      log.warn(
        { certFile, days },
        leftMs < 0 ? 'the certificate has expired' : 'the certificate expires soon',
      );
    }
    timer = clock.after(DAY_MS, () => void look());
  };
  await look();
  closers.add(async () => timer?.[Symbol.dispose]());
}

async function factsOf(certFile: string): Promise<CertificateFacts | undefined> {
  const text = await textOf(certFile);
  return text === undefined ? undefined : certificateFacts(text);
}

/** Undefined where there is none, or it can't be read: whoever needs it says so. */
async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === undefined) {
      throw error;
    }
    return undefined;
  }
}
