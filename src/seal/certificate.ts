// What a certificate says of itself.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';

export interface CertificateFacts {
  /** `AB:CD:...` */
  readonly fingerprint: string;
  readonly expiresAtMs: number;
  /** True of a name or address that it is good for. */
  readonly covers: (host: string) => boolean;
  /** True of its own private key, in PEM form. */
  readonly fits: (keyText: string) => boolean;
}

/** Of the first certificate in a PEM text; undefined where there is none. */
export function certificateFacts(text: string | Buffer): CertificateFacts | undefined {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(text);
  } catch {
    return undefined;
  }
  return {
    fingerprint: certificate.fingerprint256,
    expiresAtMs: Date.parse(certificate.validTo),
    covers: (host) =>
      (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined,
    fits: (keyText) => isKeyOf(certificate, keyText),
  };
}

function isKeyOf(certificate: X509Certificate, keyText: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(keyText));
  } catch {
    return false; // no key at all
  }
}
