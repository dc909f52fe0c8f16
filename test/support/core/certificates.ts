import { KeyObject, webcrypto } from "node:crypto";
import {
  createNodeAuthority,
  createRoot,
  type KeyedCertificate,
  type Term,
} from "../../../core/identity/authority.ts";
import { loadX509 } from "../../../core/identity/x509.ts";

/** The authorities of a mesh, and of one that has nothing to do with it. */
export interface TestAuthorities {
  readonly root: KeyedCertificate;
  /** Issues certificates of nodes, below the root. */
  readonly nodes: KeyedCertificate;
  readonly other: KeyedCertificate;
}

/** Makes authorities that are valid for a term. */
export async function createAuthorities(term: Term): Promise<TestAuthorities> {
  const [root, other] = await Promise.all([createRoot(term), createRoot(term)]);
  return { root, nodes: await createNodeAuthority(root, term), other };
}

/** A certificate of its own issue whose RSA key is so short that TLS refuses it. */
export async function createWeak(term: Term): Promise<KeyedCertificate> {
  const { X509CertificateGenerator } = await loadX509();
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 512 };
  const publicExponent = Uint8Array.of(1, 0, 1);
  const keys = await webcrypto.subtle.generateKey({ ...algorithm, publicExponent }, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=weak",
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(term.from),
    notAfter: new Date(term.until),
  });
  const privateKey = KeyObject.from(keys.privateKey).export({ type: "pkcs8", format: "pem" }).toString();
  return { certificate: certificate.toString("pem"), privateKey };
}
