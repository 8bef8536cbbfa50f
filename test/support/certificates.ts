// Certificates made when they are needed, signed by authorities made for the purpose: good ones, and such as have a fault.
// Keys are Node's, which makes them a hundred times faster.

import { generateKeyPairSync } from "node:crypto";
import forge from "node-forge";

export interface Certificate {
  readonly name: string;
  /** PEM. */
  readonly cert: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

interface Making {
  /** Names and addresses it is for. */
  readonly hosts?: readonly string[];
  /** Days from now; default: from yesterday to tomorrow. */
  readonly from?: number;
  readonly to?: number;
  /** Whether it may sign others. */
  readonly isAuthority?: boolean;
}

const DAY_MS = 86_400_000;
let serial = 1;

/** Of an authority; undefined: it signs itself. */
export function certificate(name: string, issuer: Certificate | undefined, making: Making = {}): Certificate {
  const { hosts = [], from = -1, to = 1, isAuthority = false } = making;
  const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const key = pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const made = forge.pki.createCertificate();
  made.publicKey = forge.pki.publicKeyFromPem(pair.publicKey.export({ type: "spki", format: "pem" }).toString());
  made.serialNumber = (serial++).toString(16).padStart(4, "0");
  made.validity.notBefore = new Date(Date.now() + from * DAY_MS);
  made.validity.notAfter = new Date(Date.now() + to * DAY_MS);
  made.setSubject([{ name: "commonName", value: name }]);
  made.setIssuer([{ name: "commonName", value: issuer?.name ?? name }]);
  made.setExtensions([
    { name: "basicConstraints", cA: isAuthority, critical: true },
    ...(isAuthority ? [{ name: "keyUsage", keyCertSign: true, critical: true }] : []),
    ...(hosts.length > 0 ? [{ name: "subjectAltName", altNames: hosts.map(alternative) }] : []),
  ]);
  made.sign(forge.pki.privateKeyFromPem(issuer?.key ?? key), forge.md.sha256.create());
  return { name, cert: forge.pki.certificateToPem(made), key };
}

/** As X.509 numbers them: 2 a name, 7 an address. */
const alternative = (host: string) =>
  /^[\d.]+$/.test(host) ? { type: 7, ip: host } : ({ type: 2, value: host } as const);

/** The same key under a passphrase. */
export function encrypted({ key }: Certificate, passphrase: string): string {
  return forge.pki.encryptRsaPrivateKey(forge.pki.privateKeyFromPem(key), passphrase, { algorithm: "aes256" });
}
