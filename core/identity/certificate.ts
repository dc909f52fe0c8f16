import { X509Certificate } from "node:crypto";
import { type Identity, parseIdentity } from "./identity.ts";

/** The identity in a certificate; undefined unless it has exactly one URI. TLS checks chain and term. */
export function identityIn(certificate: X509Certificate): Identity | undefined {
  const names = certificate.subjectAltName ?? "";
  // Node quotes names with special characters, which ours never have.
  if (names.includes('"')) return undefined;
  const uris = names.split(", ").filter((name) => name.startsWith(uriPrefix));
  return uris.length === 1 ? parseIdentity(uris[0]!.slice(uriPrefix.length)) : undefined;
}

const uriPrefix = "URI:";

/** Why a certificate is not valid at a time, in milliseconds since 1970; undefined when it is. */
export function termFault(certificate: X509Certificate, wallTime: number): string | undefined {
  if (wallTime >= certificate.validToDate.getTime())
    return `expired at ${toUtc(certificate.validToDate)}, and this machine's clock says ${toUtc(new Date(wallTime))}`;
  if (wallTime < certificate.validFromDate.getTime())
    return `is valid only from ${toUtc(certificate.validFromDate)}, and this machine's clock says ${toUtc(new Date(wallTime))}: set the clock right`;
  return undefined;
}

/** A time in ISO 8601, to the second. */
export const toUtc = (time: Date): string => time.toISOString().replace(/\.\d+Z$/, "Z");

/** The certificates in a PEM text, in order. Throws a SyntaxError when there is none or one cannot be read. */
export function certificatesIn(pem: string): [X509Certificate, ...X509Certificate[]] {
  const [first, ...rest] = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (first === undefined) throw new SyntaxError("There is no certificate in PEM form in it.");
  try {
    return [new X509Certificate(first), ...rest.map((one) => new X509Certificate(one))];
  } catch (error) {
    throw new SyntaxError("A certificate in it cannot be read.", { cause: error });
  }
}

/** SHA-256 of a certificate, in hexadecimal, as join tokens pin it. */
export const fingerprintOf = (certificate: X509Certificate): string =>
  certificate.fingerprint256.replaceAll(":", "").toLowerCase();

/** The authority of a certificate's chain, with intermediates from `others`; undefined when not in `authorities`. */
export function authorityOf(
  certificate: X509Certificate,
  authorities: readonly X509Certificate[],
  others: readonly X509Certificate[] = [],
): X509Certificate | undefined {
  let at = certificate;
  for (let steps = 0; steps < longestChain; steps++) {
    const issuer = authorities.find((one) => isIssuedBy(at, one));
    if (issuer !== undefined) return issuer;
    const next = others.find((one) => one !== at && isIssuedBy(at, one));
    if (next === undefined) return undefined;
    at = next;
  }
  return undefined;
}

const longestChain = 5;

const isIssuedBy = (certificate: X509Certificate, issuer: X509Certificate): boolean =>
  issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
