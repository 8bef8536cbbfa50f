// The TLS flags: who is trusted, who one is, and whether either is looked at. Pure: the files have been read (named-files.ts).
// Called by options.ts.

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import type { Endpoint } from "./endpoint.js";
import type { FlagFile, Reader } from "./reader.js";
import type { Tls } from "./tls.js";

/** As they were given, for the report. */
export interface TlsOptions {
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly insecure: boolean;
}

const FLAGS = ["tls-ca", "tls-cert", "tls-key", "tls-insecure"] as const;

/** `tls`: undefined where none of the flags is given. */
export function readTls(reader: Reader): { readonly options: TlsOptions; readonly tls: Tls | undefined } {
  const ca = reader.file("tls-ca");
  const cert = reader.file("tls-cert");
  const key = reader.file("tls-key");
  const insecure = reader.switch("tls-insecure");
  reader.exclude("tls-insecure", "tls-ca", "no certificate is verified");
  for (const [one, other] of [
    ["tls-cert", "tls-key"],
    ["tls-key", "tls-cert"],
  ] as const) {
    if (reader.isGiven(one) && !reader.isGiven(other)) reader.problem(`${reader.label(one)} needs --${other} as well`);
  }
  if (ca !== undefined) readCertificates(reader, ca);
  const certificates = cert === undefined ? [] : readCertificates(reader, cert);
  const privateKey = key && readKey(reader, key);
  if (privateKey !== undefined && certificates[0]?.checkPrivateKey(privateKey) === false) {
    reader.problem(
      `${reader.label("tls-key")} ${key?.path} is not the key of the certificate in ${cert?.path}, the first where it holds several`,
    );
  }
  const files = { caFile: ca?.path, certFile: cert?.path, keyFile: key?.path };
  const client = cert === undefined || key === undefined ? undefined : { cert: cert.text, key: key.text };
  const isGiven = ca !== undefined || client !== undefined || insecure;
  return { options: { ...files, insecure }, tls: isGiven ? { ca: ca?.text, client, verify: !insecure } : undefined };
}

/** A flag that protects nothing would be trusted. */
export function checkTlsIsUsed(reader: Reader, endpoints: readonly Endpoint[]): void {
  if (endpoints.some(({ origin }) => origin.startsWith("https:"))) return;
  for (const name of FLAGS) {
    if (name === "tls-insecure" ? !reader.switch(name) : !reader.isGiven(name)) continue;
    reader.problem(`${reader.label(name)} needs an https:// URL in ${reader.label("clickhouse-url")}`);
  }
}

/** What is said loudly wherever nobody is verified. */
export const INSECURE =
  "--tls-insecure: no certificate is verified, and whoever answers is sent password and rows; --tls-ca trusts one authority";

const CERTIFICATE = /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----[^-]*-----END \1-----/g;

function readCertificates(reader: Reader, { label, path, text }: FlagFile): readonly X509Certificate[] {
  const blocks = text.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) reader.problem(`${label} must be a file of certificates in PEM, ${path} holds none`);
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    reader.problem(`${label} must be a file of certificates in PEM, one in ${path} cannot be read`);
    return [];
  }
}

function readKey(reader: Reader, { label, path, text }: FlagFile): KeyObject | undefined {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) {
    reader.problem(
      `${label} must be a key without a passphrase, ${path} is encrypted: openssl pkey -in ${path} -out plain.pem makes one, for its owner's eyes alone`,
    );
    return undefined;
  }
  try {
    return createPrivateKey(text);
  } catch {
    reader.problem(`${label} must be a file with a private key in PEM, ${path} holds none that can be read`);
    return undefined;
  }
}
