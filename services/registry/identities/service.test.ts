import { createContextValues, createHandlerContext, type HandlerContext } from "@connectrpc/connect";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  certifyNew,
  createNodeAuthority,
  createRoot,
  type KeyedCertificate,
} from "../../../core/identity/authority.ts";
import { certificatesIn, fingerprintOf } from "../../../core/identity/certificate.ts";
import { checkCredentials } from "../../../core/identity/check-credentials.ts";
import { LiveCredentials } from "../../../core/identity/credentials.ts";
import type { Identity } from "../../../core/identity/identity.ts";
import { createKey, proveKey, publicKeyOf } from "../../../core/identity/key-pair.ts";
import { type Peer, peerKey, trustedPeer } from "../../../core/identity/peer.ts";
import { silentLog } from "../../../core/telemetry/log.ts";
import { IdentityService } from "../../../gen/cxmpute/registry/v1/identity_pb.ts";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import { createLedgerStore } from "./ledger-store.ts";
import { createIdentityService } from "./service.ts";

const termMs = 3_600_000;
const names = { certificate: "c", privateKey: "k", authorities: "a" };

let root: KeyedCertificate;
let authority: KeyedCertificate;
let own: LiveCredentials;
beforeAll(async () => {
  const { from, until } = { from: new FakeClock().wallTime() - 1000, until: new FakeClock().wallTime() * 2 };
  root = await createRoot({ from, until });
  authority = await createNodeAuthority(root, { from, until });
  own = new LiveCredentials({
    ...(await certifyNew(root, { identity: { role: "registry" }, term: { from, until } })),
    authorities: root.certificate,
  });
});

let clock: FakeClock;
let service: ReturnType<typeof createIdentityService>;
beforeEach(() => {
  clock = new FakeClock();
  const store = createLedgerStore({ clock });
  service = createIdentityService({ store, authority, credentials: own, termMs }, { clock, log: silentLog });
});

const as = (peer: Peer): HandlerContext =>
  createHandlerContext({
    service: IdentityService,
    method: IdentityService.method.join,
    protocolName: "test",
    requestMethod: "POST",
    url: "test:",
    contextValues: createContextValues().set(peerKey, peer),
  });
const admin: Peer = { kind: "identified", identity: { role: "admin" }, publicKey: new Uint8Array() };
const createToken = (fields: { uses?: number; ttlMs?: number } = {}) =>
  service.createJoinToken({ uses: 0, ttlMs: 0, ...fields } as never, as(admin)) as Promise<{
    secret: string;
    expiresAtMs: bigint;
    authorityFingerprint: string;
  }>;
const join = (secret: string, nodeId = "gpu-1", key = createKey(), proof = proveKey(key, secret, nodeId)) =>
  service.join(
    { secret, nodeId, publicKey: publicKeyOf(key), proof } as never,
    as({ kind: "anonymous" }),
  ) as Promise<{
    certificate: string;
    authorities: string;
  }>;

test("a token lives for ten minutes and lets one node in, unless told otherwise", async () => {
  const { secret, expiresAtMs } = await createToken();
  expect(Number(expiresAtMs)).toBe(clock.wallTime() + 600_000);
  await clock.advance(599_999);
  await join(secret);
  await expect(join(secret, "gpu-2")).rejects.toThrow("The join token has been used: it admits one node.");
});

test("a token tells by which authority to know this mesh, and has 256 random bits", async () => {
  const { secret, authorityFingerprint } = await createToken();
  expect(authorityFingerprint).toBe(fingerprintOf(certificatesIn(root.certificate)[0]));
  expect(Buffer.from(secret, "base64url")).toHaveLength(32);
});

test.each([
  [{ ttlMs: 600_001 }, "A join token lives for 1 s to 10 min, not for 600.001 s: make it when it is needed."],
  [{ ttlMs: 999 }, "A join token lives for 1 s to 10 min, not for 0.999 s"],
  [{ uses: 1001 }, "A join token admits at most 1000 nodes, not 1001."],
])("no token is made for %j", async (fields, message) => {
  await expect(createToken(fields)).rejects.toThrow(message);
});

test("a node that is let in can show who it is for as long as its term lasts", async () => {
  const key = createKey();
  const { secret } = await createToken();
  const answer = await join(secret, "gpu-1", key);
  const credentials = { ...answer, privateKey: key };
  const { identity, certificate } = checkCredentials(credentials, names, clock.wallTime());
  expect(identity).toEqual({ role: "node", id: "gpu-1" });
  expect(certificate.validToDate.getTime()).toBe(clock.wallTime() + termMs);
  expect(() => checkCredentials(credentials, names, clock.wallTime() + termMs)).toThrow(/expired/);
});

test("an expired token is told from an unknown one", async () => {
  const { secret } = await createToken({ ttlMs: 60_000 });
  await clock.advance(240_000);
  await expect(join(secret)).rejects.toMatchObject({
    kind: "unauthenticated",
    code: "token_expired",
    message: "The join token expired at 2023-11-14T22:14:20Z, 3 min ago. Ask the operator for a new one.",
  });
  await expect(join("made up")).rejects.toMatchObject({
    code: "token_unknown",
    message:
      "This mesh does not know the join token: a part of it may be missing, or it is too old. Ask the operator for a new one.",
  });
});

test("a node is let in only with the key that it shows, and under a name that can be one", async () => {
  const { secret } = await createToken();
  const theirs = proveKey(createKey(), secret, "gpu-1");
  await expect(join(secret, "gpu-1", createKey(), theirs)).rejects.toMatchObject({ param: "proof" });
  const key = createKey();
  await expect(join(secret, "gpu-1", key, proveKey(key, secret, "gpu-2"))).rejects.toMatchObject({
    param: "proof",
  });
  await expect(join(secret, "no name")).rejects.toMatchObject({ param: "node_id" });
  await join(secret, "gpu-1");
});

describe("renewal", () => {
  const peer = (identity: Identity, key: string): Peer => ({
    kind: "identified",
    identity,
    publicKey: publicKeyOf(key),
  });
  const renew = (caller: Peer) =>
    service.renewIdentity({} as never, as(caller)) as Promise<{ certificate: string; authorities: string }>;

  test("gives a new term to the same key", async () => {
    const key = createKey();
    const { secret } = await createToken();
    await join(secret, "gpu-1", key);
    await clock.advance(termMs / 2);
    const answer = await renew(peer({ role: "node", id: "gpu-1" }, key));
    const later = clock.wallTime() + termMs * 0.9;
    expect(checkCredentials({ ...answer, privateKey: key }, names, later).identity).toEqual({
      role: "node",
      id: "gpu-1",
    });
  });

  test("is for no other key, for nobody who was revoked, and for nobody but nodes", async () => {
    const { secret } = await createToken();
    await join(secret, "gpu-1");
    const stranger = peer({ role: "node", id: "gpu-1" }, createKey());
    await expect(renew(stranger)).rejects.toMatchObject({ code: "node_revoked" });
    const key = createKey();
    await service.revokeNode({ nodeId: "gpu-2" } as never, as(admin));
    await expect(renew(peer({ role: "node", id: "gpu-2" }, key))).rejects.toMatchObject({
      code: "node_revoked",
    });
    expect(() => renew(admin)).toThrow(/not for an admin/);
    await expect(renew(trustedPeer)).rejects.toMatchObject({ kind: "unauthenticated" });
  });
});

test("without an authority over nodes there are no tokens, but nodes can be revoked", async () => {
  const store = createLedgerStore({ clock });
  service = createIdentityService({ store, credentials: own, termMs }, { clock, log: silentLog });
  await expect(createToken()).rejects.toThrow(/start it with --node-ca-cert and --node-ca-key/);
  await service.revokeNode({ nodeId: "gpu-1" } as never, as(admin));
  expect(store.revocations.list()).toEqual(["gpu-1"]);
});
