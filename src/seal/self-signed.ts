// A certificate that vouches for itself, for machines that no authority knows. The one user of pkijs: Node reads X.509 and
// writes none. Loaded only when a certificate is made.
import { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import { BitString, Integer, OctetString, Utf8String } from 'asn1js';
import {
  AttributeTypeAndValue,
  BasicConstraints,
  Certificate,
  Extension,
  ExtKeyUsage,
  GeneralName,
  GeneralNames,
} from 'pkijs';
import { randomBytes } from './random.ts';

export interface SelfSigned {
  readonly cert: string;
  /** PKCS #8. A secret. */
  readonly key: string;
}

export interface SelfSignedOptions {
  /** Host names and addresses that it is good for; the first one is its name. */
  readonly hosts: readonly string[];
  readonly fromMs: number;
  readonly days: number;
}

const DAY_MS = 86_400_000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' };
const OID = {
  commonName: '2.5.4.3',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  subjectAltName: '2.5.29.17',
  serverAuth: '1.3.6.1.5.5.7.3.1',
} as const;
/** RFC 5280, 4.2.1.3: digitalSignature. */
const DIGITAL_SIGNATURE = Uint8Array.of(0x80);
const DNS_NAME = 2;
const IP_ADDRESS = 7;

export async function makeSelfSigned({ hosts, fromMs, days }: SelfSignedOptions): Promise<SelfSigned> {
  const { subtle } = webcrypto;
  const keys = (await subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const certificate = new Certificate();
  certificate.version = 2; // X.509 v3
  const serial = randomBytes(16);
  serial[0] = (serial[0] ?? 0) & 0x7f || 1; // positive, and not empty
  certificate.serialNumber = new Integer({ valueHex: bytesOf(serial) });
  for (const name of [certificate.subject, certificate.issuer]) {
    const value = new Utf8String({ value: `tahoe-webdav ${hosts[0] ?? ''}`.slice(0, 64) });
    name.typesAndValues.push(new AttributeTypeAndValue({ type: OID.commonName, value }));
  }
  certificate.notBefore.value = new Date(fromMs);
  certificate.notAfter.value = new Date(fromMs + days * DAY_MS);
  const names = new GeneralNames({ names: hosts.map(generalName) });
  certificate.extensions = [
    // No authority: Firefox takes no certificate of one for a server's.
    extension(OID.basicConstraints, true, new BasicConstraints({ cA: false }).toSchema().toBER()),
    extension(
      OID.keyUsage,
      true,
      new BitString({ valueHex: DIGITAL_SIGNATURE.buffer, unusedBits: 7 }).toBER(),
    ),
    extension(
      OID.extendedKeyUsage,
      false,
      new ExtKeyUsage({ keyPurposes: [OID.serverAuth] }).toSchema().toBER(),
    ),
    extension(OID.subjectAltName, false, names.toSchema().toBER()),
  ];
  await certificate.subjectPublicKeyInfo.importKey(keys.publicKey);
  await certificate.sign(keys.privateKey, 'SHA-256');
  const key = await subtle.exportKey('pkcs8', keys.privateKey);
  return { cert: pem('CERTIFICATE', certificate.toSchema().toBER()), key: pem('PRIVATE KEY', key) };
}

function generalName(host: string): GeneralName {
  return isIP(host) === 0
    ? new GeneralName({ type: DNS_NAME, value: host })
    : new GeneralName({
        type: IP_ADDRESS,
        value: new OctetString({ valueHex: bytesOf(addressBytes(host)) }),
      });
}

/** 4 or 16 bytes in the order of the network. */
function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) {
    return Buffer.from(address.split('.').map(Number));
  }
  const full = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [head = '', tail = ''] = full.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const zeros = full.includes('::') ? 8 - groups(head).length - groups(tail).length : 0;
  const all = [...groups(head), ...Array<string>(zeros).fill('0'), ...groups(tail)];
  return Buffer.concat(all.map((group) => Buffer.from(group.padStart(4, '0'), 'hex')));
}

function extension(extnID: string, critical: boolean, value: ArrayBuffer): Extension {
  return new Extension({ extnID, critical, extnValue: value });
}

function bytesOf(buffer: Buffer): ArrayBuffer {
  return Uint8Array.from(buffer).buffer;
}

function pem(label: string, der: ArrayBuffer): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
