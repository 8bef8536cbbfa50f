// What a fault of TLS means, and which flag mends it. Pure: from the names that Node and OpenSSL give them.

const AUTHORITY = "--tls-ca names a file with the authority that signed it";
const CLIENT = "--tls-cert and --tls-key";

const SENTENCES: Readonly<Record<string, string>> = {
  UNABLE_TO_GET_ISSUER_CERT: `the server's certificate is of an authority not known here: ${AUTHORITY}`,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: `the server's certificate is of an authority not known here: ${AUTHORITY}`,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: `the server's certificate is of an authority not known here: ${AUTHORITY}`,
  CERT_UNTRUSTED: `the server's certificate is of an authority not known here: ${AUTHORITY}`,
  SELF_SIGNED_CERT_IN_CHAIN: `the server's certificate is of an authority not known here: ${AUTHORITY}`,
  DEPTH_ZERO_SELF_SIGNED_CERT:
    "the server's certificate is self-signed: --tls-ca names a file with that certificate, if it is to be trusted",
  CERT_SIGNATURE_FAILURE: `the server's certificate is not signed by the authority of that name: ${AUTHORITY}`,
  CERT_HAS_EXPIRED: "the server's certificate, or that of its authority, has expired",
  CERT_NOT_YET_VALID:
    "the server's certificate, or that of its authority, is not yet valid: is the clock of this machine right?",
  CERT_REVOKED: "the server's certificate is revoked",
  INVALID_CA: `the server's certificate is signed by a certificate that is no authority's: ${AUTHORITY}`,
  INVALID_PURPOSE: "the server's certificate is not one for servers",
};

/** Ends of the names of OpenSSL's errors. */
const ALERTS: readonly (readonly [end: RegExp, sentence: string])[] = [
  [
    /WRONG_VERSION_NUMBER$|PACKET_LENGTH_TOO_LONG$|HTTP_REQUEST$/,
    "no TLS is spoken there: http:// in place of https://?",
  ],
  [/CERTIFICATE_REQUIRED$/, `the server asks for a client certificate: ${CLIENT}`],
  [
    /HANDSHAKE_FAILURE$/,
    `the server broke off the TLS handshake: it asks for a client certificate (${CLIENT}), or for a cipher not known here`,
  ],
  [
    /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED|CERTIFICATE_(REVOKED|EXPIRED|UNKNOWN))$/,
    `the server does not accept the client certificate: ${CLIENT}`,
  ],
  [/PROTOCOL_VERSION$|UNSUPPORTED_PROTOCOL$/, "the server speaks no TLS from 1.2 up"],
  [/UNRECOGNIZED_NAME$/, "the server does not know itself by this host name"],
];

/** The name of a fault of TLS, as Node has it; undefined: it is none. */
export function tlsFault(error: Error): string | undefined {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)$)/.test(code)
    ? code
    : undefined;
}

/** What such a fault means, and which flag mends it. May hold names that the server's certificate has. */
export function tlsSentence(fault: string, error: Error): string {
  if (fault === "ERR_TLS_CERT_ALTNAME_INVALID") {
    const reason = "reason" in error && typeof error.reason === "string" ? `: ${error.reason}` : "";
    return `the server's certificate is for another host name${reason}`;
  }
  const alert = ALERTS.find(([end]) => end.test(fault))?.[1];
  return SENTENCES[fault] ?? alert ?? `TLS failed: ${"reason" in error ? error.reason : error.message} (${fault})`;
}
