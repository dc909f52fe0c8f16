import { createPrivateKey, type KeyObject, type X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import type { KeyedCertificate } from "./authority.ts";
import { authorityOf, certificatesIn, identityIn, termFault } from "./certificate.ts";
import type { Credentials } from "./credentials.ts";
import { formatIdentity, type Identity } from "./identity.ts";

/** Valid credentials. */
export interface CheckedCredentials {
  readonly identity: Identity;
  readonly certificate: X509Certificate;
  readonly authority: X509Certificate;
}

/** The name of each part in a fault: its file or other source. */
export type PartNames = { readonly [Part in keyof Credentials]: string };

/** A part of credentials that cannot be used, with why and what to do. */
export class CredentialsFault extends Error {
  override readonly name = "CredentialsFault";
  readonly part: keyof Credentials;
  readonly hasExpired: boolean;

  constructor(part: keyof Credentials, message: string, options: { hasExpired?: boolean } = {}) {
    super(message);
    this.part = part;
    this.hasExpired = options.hasExpired ?? false;
  }
}

/** Checks credentials before use, because errors of TLS do not help. Throws a `CredentialsFault` at the first fault. */
export function checkCredentials(
  credentials: Credentials,
  names: PartNames,
  wallTime: number,
): CheckedCredentials {
  const [certificate, ...between] = checkKeyed(credentials, names, wallTime);
  const authorities = readCertificates(credentials.authorities, "authorities", names);
  const authority = authorityOf(certificate, authorities, between);
  if (authority === undefined)
    throw new CredentialsFault(
      "authorities",
      `no CA in ${names.authorities} issued the certificate in ${names.certificate}: give the CA of the same mesh`,
    );
  const identity = identityIn(certificate);
  if (identity === undefined)
    throw new CredentialsFault(
      "certificate",
      `the certificate in ${names.certificate} does not say who holds it: it needs exactly one SAN of type URI, such as ${formatIdentity({ role: "router" })}`,
    );
  return { identity, certificate, authority };
}

/** The same for an authority that issues nodes' certificates. */
export function checkAuthority(authority: KeyedCertificate, names: KeyedNames, wallTime: number): void {
  const [certificate] = checkKeyed(authority, names, wallTime);
  if (!certificate.ca)
    throw new CredentialsFault(
      "certificate",
      `the certificate in ${names.certificate} is not a CA certificate, so it cannot issue others: give a CA certificate (basicConstraints CA:TRUE)`,
    );
  if (certificate.publicKey.asymmetricKeyDetails?.namedCurve !== "prime256v1")
    throw new CredentialsFault(
      "privateKey",
      `${names.privateKey} is not an ECDSA key on P-256, which is the kind that issues certificates here`,
    );
}

/** The names of a certificate and its key. */
export type KeyedNames = Omit<PartNames, "authorities">;

/** The certificates of a chain whose first one belongs to the key and is valid now, from any issuer. */
export function checkKeyed(
  { certificate: pem, privateKey }: KeyedCertificate,
  names: KeyedNames,
  wallTime: number,
): [X509Certificate, ...X509Certificate[]] {
  const chain = readCertificates(pem, "certificate", names);
  const [certificate] = chain;
  if (!certificate.checkPrivateKey(readKey(privateKey, names.privateKey)))
    throw new CredentialsFault(
      "privateKey",
      `${names.privateKey} is not the key of the certificate in ${names.certificate}: give a matching pair`,
    );
  const fault = termFault(certificate, wallTime);
  if (fault !== undefined)
    throw new CredentialsFault("certificate", `the certificate in ${names.certificate} ${fault}`, {
      hasExpired: wallTime >= certificate.validToDate.getTime(),
    });
  demandFitness(pem, privateKey, names);
  return chain;
}

/** Throws for a matching pair that TLS refuses, such as one with a short RSA key. */
function demandFitness(cert: string, key: string, names: KeyedNames): void {
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    const reason = (error as Error).message.replace(/^error:.*::/, "");
    throw new CredentialsFault(
      "certificate",
      `TLS rejects the certificate in ${names.certificate} with its key (${reason}): get a new certificate with a new key`,
    );
  }
}

function readCertificates<Part extends "certificate" | "authorities">(
  pem: string,
  part: Part,
  names: { readonly [_ in Part]: string },
): [X509Certificate, ...X509Certificate[]] {
  try {
    return certificatesIn(pem);
  } catch (error) {
    throw new CredentialsFault(
      part,
      `${names[part]} is not a certificate in PEM form. ${(error as Error).message}`,
    );
  }
}

function readKey(pem: string, name: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new CredentialsFault(
      "privateKey",
      `${name} is not a private key in PEM form, or a passphrase protects it: give one without`,
    );
  }
}
