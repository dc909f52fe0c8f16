import { X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { createAuthorities, createWeak, type TestAuthorities } from "../../test/support/core/certificates.ts";
import { certify, certifyNew } from "./authority.ts";
import { authorityOf, certificatesIn, fingerprintOf, identityIn } from "./certificate.ts";
import { checkAuthority, checkCredentials } from "./check-credentials.ts";
import type { Credentials } from "./credentials.ts";
import { createKey, isProof, proveKey, publicKeyOf, readPublicKey } from "./key-pair.ts";

const day = 86_400_000;
const now = Date.UTC(2030, 0, 2);
const term = { from: now - day, until: now + day };
const names = { certificate: "own.pem", privateKey: "own.key", authorities: "ca.pem" };

let { root, nodes, other } = {} as TestAuthorities;
beforeAll(async () => {
  ({ root, nodes, other } = await createAuthorities(term));
});

const nodeCredentials = async (own = term): Promise<Credentials> => ({
  ...(await certifyNew(nodes, { identity: { role: "node", id: "gpu-1" }, term: own })),
  authorities: root.certificate,
});

describe("a certificate", () => {
  test("says who holds it, and where", async () => {
    const publicKey = publicKeyOf(createKey());
    const hosts = ["mesh.example", "10.0.0.5", "2001:db8::1"];
    const pem = await certify(root, { identity: { role: "router" }, publicKey, term, hosts });
    const certificate = new X509Certificate(pem);
    expect(identityIn(certificate)).toEqual({ role: "router" });
    expect(certificate.checkHost("mesh.example")).toBe("mesh.example");
    expect(certificate.checkIP("10.0.0.5")).toBe("10.0.0.5");
    expect(certificate.checkIP("2001:db8::1")).toBe("2001:db8::1");
    expect([certificate.validFromDate.getTime(), certificate.validToDate.getTime()]).toEqual([
      term.from,
      term.until,
    ]);
    expect(certificate.ca).toBe(false);
  });

  test("of a node brings along who lies between it and the root", async () => {
    const [own, ...between] = certificatesIn((await nodeCredentials()).certificate);
    const [rootCertificate, stranger] = [root, other].map(
      ({ certificate }) => new X509Certificate(certificate),
    );
    expect(between.map(fingerprintOf)).toEqual([fingerprintOf(new X509Certificate(nodes.certificate))]);
    expect(authorityOf(own, [stranger!, rootCertificate!], between)).toBe(rootCertificate);
    expect(authorityOf(own, [rootCertificate!])).toBeUndefined();
    expect(authorityOf(own, [stranger!], between)).toBeUndefined();
  });

  test("with a second URI, or a name that only looks like a list, says nothing of who holds it", async () => {
    const x509 = await import("@peculiar/x509");
    const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
    const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const named = async (...names: { type: "url" | "dns"; value: string }[]) =>
      new X509Certificate(
        (
          await x509.X509CertificateGenerator.createSelfSigned({
            name: "CN=x",
            keys,
            signingAlgorithm: algorithm,
            extensions: [new x509.SubjectAlternativeNameExtension(names)],
          })
        ).toString("pem"),
      );
    const admin = { type: "url", value: "spiffe://cxmpute-mesh/admin" } as const;
    expect(identityIn(await named(admin))).toEqual({ role: "admin" });
    expect(identityIn(await named(admin, { type: "url", value: "https://x" }))).toBeUndefined();
    expect(
      identityIn(await named({ type: "dns", value: "x, URI:spiffe://cxmpute-mesh/admin" })),
    ).toBeUndefined();
    expect(identityIn(await named({ type: "dns", value: "x" }))).toBeUndefined();
  });
});

describe("credentials", () => {
  test("that are in order tell who holds them and which authority is behind them", async () => {
    const checked = checkCredentials(await nodeCredentials(), names, now);
    expect(checked.identity).toEqual({ role: "node", id: "gpu-1" });
    expect(fingerprintOf(checked.authority)).toBe(fingerprintOf(new X509Certificate(root.certificate)));
  });

  test.each<[string, (good: Credentials) => Credentials | Promise<Credentials>, RegExp]>([
    [
      "the key of another certificate",
      (good) => ({ ...good, privateKey: createKey() }),
      /^own\.key is not the key of the certificate in own\.pem/,
    ],
    [
      "a key that is none",
      (good) => ({ ...good, privateKey: "no key" }),
      /^own\.key is not a private key in PEM/,
    ],
    [
      "no certificate",
      (good) => ({ ...good, certificate: "" }),
      /^own\.pem is not a certificate in PEM form/,
    ],
    [
      "a certificate that is cut",
      (good) => ({ ...good, certificate: good.certificate.replace(/[A-Za-z0-9+/]{64}\n/, "") }),
      /^own\.pem is not a certificate in PEM form/,
    ],
    [
      "another authority",
      (good) => ({ ...good, authorities: other.certificate }),
      /^no CA in ca\.pem issued the certificate in own\.pem/,
    ],
    [
      "a certificate that has expired",
      () => nodeCredentials({ from: now - day, until: now - 1000 }),
      /^the certificate in own\.pem expired at 2030-01-01T23:59:59Z, and this machine's clock says 2030-01-02T00:00:00Z$/,
    ],
    [
      "a certificate that is not valid yet",
      () => nodeCredentials({ from: now + 1000, until: now + day }),
      /^the certificate in own\.pem is valid only from 2030-01-02T00:00:01Z, and .* clock says 2030-01-02T00:00:00Z: set the clock right$/,
    ],
    [
      "a key that TLS refuses",
      async () => ({ ...(await createWeak(term)), authorities: root.certificate }),
      /^TLS rejects the certificate in own\.pem with its key \(ee key too small\): get a new certificate/,
    ],
    [
      "a certificate that says nothing of its holder",
      () => ({ ...root, authorities: root.certificate }),
      /^the certificate in own\.pem does not say who holds it/,
    ],
  ])("with %s are refused in words", async (_, spoil, message) => {
    const spoilt = await spoil(await nodeCredentials());
    expect(() => checkCredentials(spoilt, names, now)).toThrow(message);
  });

  test("of an authority must be able to issue", async () => {
    expect(() => checkAuthority(nodes, names, now)).not.toThrow();
    expect(() => checkAuthority(nodes, names, term.until)).toThrow(/own\.pem expired/);
    const leaf = await nodeCredentials();
    expect(() => checkAuthority(leaf, names, now)).toThrow(/own\.pem is not a CA certificate/);
  });
});

describe("a proof of a key", () => {
  test("holds for its own key, token and name, and for nothing else", () => {
    const key = createKey();
    const publicKey = readPublicKey(publicKeyOf(key))!;
    const proof = proveKey(key, "secret", "gpu-1");
    expect(isProof(publicKey, proof, "secret", "gpu-1")).toBe(true);
    expect(isProof(publicKey, proof, "secret", "gpu-2")).toBe(false);
    expect(isProof(publicKey, proof, "another", "gpu-1")).toBe(false);
    expect(isProof(readPublicKey(publicKeyOf(createKey()))!, proof, "secret", "gpu-1")).toBe(false);
    expect(isProof(publicKey, new Uint8Array(), "secret", "gpu-1")).toBe(false);
  });

  test("is asked only of keys of the kind that the mesh uses", async () => {
    const { generateKeyPairSync } = await import("node:crypto");
    const { toDer } = await import("./key-pair.ts");
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
    expect(readPublicKey(toDer(publicKey))).toBeUndefined();
    expect(readPublicKey(new Uint8Array([1, 2, 3]))).toBeUndefined();
  });
});
