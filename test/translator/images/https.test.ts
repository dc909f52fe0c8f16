import { webcrypto } from "node:crypto";
import * as tls from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadX509 } from "../../../core/identity/x509.ts";
import { fetchAll, loopbackNetwork, pictures, sending, servePictures } from "./support.ts";

/** A certificate for these names, signed by itself. */
async function certify(...names: string[]): Promise<{ key: string; cert: string }> {
  const { PemConverter, SubjectAlternativeNameExtension, X509CertificateGenerator } = await loadX509();
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=test",
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    signingAlgorithm: algorithm,
    keys: keys as webcrypto.CryptoKeyPair,
    extensions: [new SubjectAlternativeNameExtension(names.map((value) => ({ type: "dns", value })))],
  });
  const key = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { key: PemConverter.encode(key, "PRIVATE KEY"), cert: certificate.toString("pem") };
}

const authorities = tls.getCACertificates("default");
let known: { key: string; cert: string };

beforeAll(async () => {
  known = await certify("pictures.test");
  tls.setDefaultCACertificates([...authorities, known.cert]);
});
afterAll(() => tls.setDefaultCACertificates(authorities));

test("a picture comes over TLS, by the name of the address, from the address that was resolved", async () => {
  const { port, requests } = await servePictures(sending(pictures.png), known);
  const { network, asked } = loopbackNetwork({ "pictures.test": [["127.0.0.1"], ["127.0.0.2"]] });
  const [image] = await fetchAll([`https://pictures.test:${port}/a.png`], { network });
  expect(image?.mimeType).toBe("image/png");
  expect(asked).toEqual(["pictures.test"]);
  expect(requests).toMatchObject([
    { to: "127.0.0.1", servername: "pictures.test", headers: { host: `pictures.test:${port}` } },
  ]);
});

test("a server is refused whose certificate is of another name, or by nobody known", async () => {
  const { port, requests } = await servePictures(sending(pictures.png), known);
  const stranger = await servePictures(sending(pictures.png), await certify("pictures.test"));
  const unsafe = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
  try {
    for (const url of [
      `https://other.test:${port}/`,
      `https://127.0.0.1:${port}/`,
      `https://pictures.test:${stranger.port}/`,
    ])
      await expect(fetchAll([url])).rejects.toThrow("the image could not be fetched");
  } finally {
    if (unsafe === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = unsafe;
  }
  expect([...requests, ...stranger.requests]).toEqual([]);
});
