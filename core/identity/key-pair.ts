import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";

/** The mesh's certificates use ECDSA on P-256. */
const curve = "prime256v1";

/** Makes a private key, as PEM (PKCS #8). */
export function createKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: curve });
  return privateKey.export({ type: "pkcs8", format: "pem" }) as string;
}

/** The public half of a private key, as DER (SubjectPublicKeyInfo). */
export const publicKeyOf = (privateKey: string): Uint8Array => toDer(createPublicKey(privateKey));

/** A public key as DER (SubjectPublicKeyInfo). */
export const toDer = (key: KeyObject): Uint8Array =>
  new Uint8Array(key.export({ type: "spki", format: "der" }));

/** Reads a public key from DER; undefined when it is of another kind than the mesh's. */
export function readPublicKey(der: Uint8Array): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: Buffer.from(der), type: "spki", format: "der" });
    return key.asymmetricKeyDetails?.namedCurve === curve ? key : undefined;
  } catch {
    return undefined;
  }
}

/** Proves that a joining node holds the private key, for this token and node id only. */
export const proveKey = (privateKey: string, secret: string, nodeId: string): Uint8Array =>
  new Uint8Array(sign("sha256", toStatement(secret, nodeId), createPrivateKey(privateKey)));

/** Whether a proof was made with the private half of `publicKey`. */
export const isProof = (publicKey: KeyObject, proof: Uint8Array, secret: string, nodeId: string): boolean =>
  verify("sha256", toStatement(secret, nodeId), publicKey, proof);

const toStatement = (secret: string, nodeId: string): Buffer =>
  Buffer.from(JSON.stringify(["cxmpute-mesh join", nodeId, secret]));
