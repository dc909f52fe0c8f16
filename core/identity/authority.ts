import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from "node:crypto";
import type { JsonGeneralName } from "@peculiar/x509";
import { formatIdentity, type Identity } from "./identity.ts";
import { createKey, publicKeyOf } from "./key-pair.ts";
import { loadX509 } from "./x509.ts";

/** A certificate and its private key, as PEM. */
export interface KeyedCertificate {
  /** The certificate, then the intermediates below the root. */
  readonly certificate: string;
  readonly privateKey: string;
}

/** A time span, in milliseconds since 1970. */
export interface Term {
  readonly from: number;
  readonly until: number;
}

/** How to issue a certificate. */
export interface CertificateRequest {
  readonly identity: Identity;
  /** DER (SubjectPublicKeyInfo), P-256. */
  readonly publicKey: Uint8Array;
  readonly term: Term;
  /** Its host names and addresses, for clients that check those: `mesh.example`, `10.0.0.5`, `::1`. */
  readonly hosts?: readonly string[];
}

/** Makes the root of a mesh, whose processes trust only what it has issued. */
export async function createRoot(term: Term): Promise<KeyedCertificate> {
  const privateKey = createKey();
  // The random suffix distinguishes the authorities of several meshes, and of one that was made again.
  const name = `CN=cxmpute-mesh authority ${randomBytes(4).toString("hex")}`;
  const certificate = await issue({
    subject: name,
    publicKey: publicKeyOf(privateKey),
    signingKey: privateKey,
    term,
    form: { authority: true, pathLength: 1 },
  });
  return { certificate, privateKey };
}

/** Makes the authority for nodes' certificates below a root, whose key can then stay off the mesh. */
export async function createNodeAuthority(root: KeyedCertificate, term: Term): Promise<KeyedCertificate> {
  const privateKey = createKey();
  const certificate = await issue({
    subject: `CN=cxmpute-mesh node authority ${randomBytes(4).toString("hex")}`,
    issuer: root.certificate,
    publicKey: publicKeyOf(privateKey),
    signingKey: root.privateKey,
    term,
    form: { authority: true, pathLength: 0 },
  });
  return { certificate, privateKey };
}

/** Issues a certificate; returns the chain below the root, PEM. */
export async function certify(authority: KeyedCertificate, request: CertificateRequest): Promise<string> {
  const { identity, publicKey, term, hosts = [] } = request;
  const names: JsonGeneralName[] = [{ type: "url", value: formatIdentity(identity) }];
  for (const host of hosts) names.push({ type: isAddress(host) ? "ip" : "dns", value: host });
  const certificate = await issue({
    subject: `CN=cxmpute-mesh ${identity.role}`,
    issuer: authority.certificate,
    publicKey,
    signingKey: authority.privateKey,
    term,
    form: { authority: false, names },
  });
  const issuer = new X509Certificate(authority.certificate);
  return issuer.issuer === issuer.subject ? certificate : `${certificate}${authority.certificate}`;
}

/** Makes a key, and certifies it. */
export async function certifyNew(
  authority: KeyedCertificate,
  request: Omit<CertificateRequest, "publicKey">,
): Promise<KeyedCertificate> {
  const privateKey = createKey();
  const certificate = await certify(authority, { ...request, publicKey: publicKeyOf(privateKey) });
  return { certificate, privateKey };
}

interface Issuance {
  readonly subject: string;
  /** Certificate of the issuer, PEM; absent for a root. */
  readonly issuer?: string;
  readonly publicKey: Uint8Array;
  /** PEM (PKCS #8). */
  readonly signingKey: string;
  readonly term: Term;
  readonly form:
    | { readonly authority: true; readonly pathLength: number }
    | { readonly authority: false; readonly names: readonly JsonGeneralName[] };
}

async function issue({ subject, issuer, publicKey, signingKey, term, form }: Issuance): Promise<string> {
  const x509 = await loadX509();
  const { BasicConstraintsExtension, KeyUsagesExtension, KeyUsageFlags, ExtendedKeyUsageExtension } = x509;
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  const subjectKey = await webcrypto.subtle.importKey("spki", Uint8Array.from(publicKey), algorithm, true, [
    "verify",
  ]);
  const issuerCertificate = issuer === undefined ? undefined : new x509.X509Certificate(issuer);
  const issuerKeyId = issuerCertificate?.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
  const certificate = await x509.X509CertificateGenerator.create({
    // RFC 5280: positive, at most 20 bytes.
    serialNumber: `01${randomBytes(15).toString("hex")}`,
    subject,
    issuer: issuerCertificate?.subject ?? subject,
    notBefore: new Date(term.from),
    notAfter: new Date(term.until),
    publicKey: subjectKey,
    signingKey: await importSigningKey(signingKey),
    signingAlgorithm: algorithm,
    extensions: [
      await x509.SubjectKeyIdentifierExtension.create(subjectKey),
      ...(issuerKeyId === undefined ? [] : [new x509.AuthorityKeyIdentifierExtension(issuerKeyId)]),
      ...(form.authority
        ? [
            new BasicConstraintsExtension(true, form.pathLength, true),
            new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
          ]
        : [
            new BasicConstraintsExtension(false, undefined, true),
            new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
            // Both: nodes dial routers, and routers dial nodes.
            new ExtendedKeyUsageExtension([serverAuth, clientAuth], false),
            new x509.SubjectAlternativeNameExtension([...form.names], false),
          ]),
    ],
  });
  return `${certificate.toString("pem").trim()}\n`;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

function importSigningKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ type: "pkcs8", format: "der" });
  return webcrypto.subtle.importKey("pkcs8", Uint8Array.from(der), algorithm, false, ["sign"]);
}

const isAddress = (host: string): boolean => /^[\d.]+$/.test(host) || host.includes(":");
