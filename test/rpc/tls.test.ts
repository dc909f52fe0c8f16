import { createClient, type ServiceImpl } from "@connectrpc/connect";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { certifyNew, type KeyedCertificate } from "../../core/identity/authority.ts";
import { certificatesIn, fingerprintOf } from "../../core/identity/certificate.ts";
import { type Credentials, LiveCredentials } from "../../core/identity/credentials.ts";
import { fetchAuthority, speaksTls } from "../../core/identity/fetch-authority.ts";
import { describeIdentity, type Identity } from "../../core/identity/identity.ts";
import { peerKey } from "../../core/identity/peer.ts";
import { register } from "../../core/rpc/contract.ts";
import { startGrpcServer } from "../../core/rpc/grpc-server.ts";
import { createGrpcTransport } from "../../core/rpc/grpc-transport.ts";
import { silentLog } from "../../core/telemetry/log.ts";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import { createAuthorities, type TestAuthorities } from "../support/core/certificates.ts";
import { check } from "./health-client.ts";

const day = 86_400_000;
const term = { from: Date.now() - day, until: Date.now() + day };
const never = new AbortController().signal;

let { root, nodes, other } = {} as TestAuthorities;
beforeAll(async () => {
  ({ root, nodes, other } = await createAuthorities(term));
});

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const credentialsOf = async (identity: Identity, authority = root, own = term): Promise<Credentials> => ({
  ...(await certifyNew(authority, { identity, term: own })),
  authorities: root.certificate,
});

/** A router that answers each call with who calls. */
async function serve(
  credentials?: Credentials | LiveCredentials,
  more: Partial<ServiceImpl<typeof RouterService>> = {},
): Promise<string> {
  const implementation: Partial<ServiceImpl<typeof RouterService>> = {
    ...more,
    listModels: (_, { values }) => {
      const peer = values.get(peerKey);
      return { models: [{ name: peer.kind === "identified" ? describeIdentity(peer.identity) : peer.kind }] };
    },
  };
  const live =
    credentials instanceof LiveCredentials || credentials === undefined
      ? credentials
      : new LiveCredentials(credentials);
  const server = await startGrpcServer({
    listen: "127.0.0.1:0",
    services: [register(RouterService, implementation as ServiceImpl<typeof RouterService>)],
    credentials: live,
    log: silentLog,
  });
  cleanups.push(() => server.shutdown(0));
  return server.address;
}

/** Who the router at an address takes the holder of these credentials for. */
async function ask(
  address: string,
  credentials: Credentials | LiveCredentials | Pick<Credentials, "authorities"> | undefined,
  expected: Identity = { role: "router" },
): Promise<string | undefined> {
  const given =
    credentials !== undefined && "privateKey" in credentials ? new LiveCredentials(credentials) : credentials;
  const transport = createGrpcTransport({
    address,
    tls: given === undefined ? undefined : { credentials: given, expect: expected },
  });
  cleanups.push(() => transport.close());
  return (await createClient(RouterService, transport).listModels({})).models[0]?.name;
}

describe("a gRPC server with TLS", () => {
  test.each<[string, () => Promise<Credentials | Pick<Credentials, "authorities">>, string]>([
    ["a service by its certificate", () => credentialsOf({ role: "translator" }), "the translator"],
    ["a node below the node authority", () => credentialsOf({ role: "node", id: "a/b" }, nodes), "node a/b"],
    ["nobody without a certificate", async () => ({ authorities: root.certificate }), "anonymous"],
    ["nobody of another authority", () => credentialsOf({ role: "admin" }, other), "anonymous"],
    [
      "nobody whose certificate has expired",
      () => credentialsOf({ role: "admin" }, root, { from: term.from, until: Date.now() - 1000 }),
      "anonymous",
    ],
    [
      "nobody whose certificate is not valid yet",
      () => credentialsOf({ role: "admin" }, root, { from: Date.now() + day, until: Date.now() + 2 * day }),
      "anonymous",
    ],
  ])("knows %s", async (_, credentials, name) => {
    const address = await serve(await credentialsOf({ role: "router" }));
    expect(await ask(address, await credentials())).toBe(name);
  });

  test("in plain text trusts everybody", async () => {
    expect(await ask(await serve(), undefined)).toBe("trusted");
  });

  test("shows its new certificate to who connects after it was replaced", async () => {
    const live = new LiveCredentials(await credentialsOf({ role: "registry" }));
    const address = await serve(live);
    const caller = await credentialsOf({ role: "admin" });
    expect(await ask(address, caller, { role: "registry" })).toBe("an admin");
    live.replace(await credentialsOf({ role: "router" }));
    expect(await ask(address, caller)).toBe("an admin");
  });

  test("believes a new authority once its credentials were replaced, and lets open streams go on", async () => {
    const gate = Promise.withResolvers<void>();
    const live = new LiveCredentials(await credentialsOf({ role: "router" }));
    const address = await serve(live, {
      async *generate() {
        yield {};
        await gate.promise;
        yield {};
      },
    });
    const caller = await credentialsOf({ role: "admin" });
    const transport = createGrpcTransport({
      address,
      tls: { credentials: new LiveCredentials(caller), expect: { role: "router" } },
    });
    cleanups.push(() => transport.close());
    const open = createClient(RouterService, transport).generate({})[Symbol.asyncIterator]();
    expect(await open.next()).toMatchObject({ done: false });

    const authorities = other.certificate;
    live.replace({ ...(await credentialsOf({ role: "router" }, other)), authorities });
    const theirs = { ...(await credentialsOf({ role: "admin" }, other)), authorities };
    expect(await ask(address, theirs)).toBe("an admin");
    expect(await ask(address, { ...caller, authorities })).toBe("anonymous");

    gate.resolve();
    expect(await open.next()).toMatchObject({ done: false });
    expect(await open.next()).toMatchObject({ done: true });
  });

  test("answers health to callers without a certificate", async () => {
    const own = await certifyNew(root, { identity: { role: "router" }, term, hosts: ["localhost"] });
    const address = await serve({ ...own, authorities: root.certificate });
    expect(await check(address, "", Buffer.from(root.certificate))).toBe("SERVING");
  });
});

describe("a client with TLS", () => {
  const admin = () => credentialsOf({ role: "admin" });

  test.each<[string, () => Promise<Credentials | undefined>, RegExp]>([
    [
      "a server that is somebody else",
      () => credentialsOf({ role: "node", id: "n" }),
      /^127\.0\.0\.1:\d+ is node n, where the router should be: check the address\.$/,
    ],
    [
      "a server of another authority",
      () => credentialsOf({ role: "router" }, other),
      /^The certificate of 127\.0\.0\.1:\d+ comes from another CA than the one trusted here/,
    ],
    [
      "a server whose certificate has expired",
      () => credentialsOf({ role: "router" }, root, { from: term.from, until: Date.now() - 1000 }),
      /^The certificate of 127\.0\.0\.1:\d+ has expired, or this machine's clock is ahead/,
    ],
    [
      "a server whose certificate is not valid yet",
      () => credentialsOf({ role: "router" }, root, { from: Date.now() + day, until: Date.now() + 2 * day }),
      /^The certificate of 127\.0\.0\.1:\d+ is not valid yet, so this machine's clock is probably behind/,
    ],
    [
      "a server in plain text",
      async () => undefined,
      /^127\.0\.0\.1:\d+ does not speak TLS, and this side does: give it a certificate/,
    ],
  ])("refuses %s, and says what to do", async (_, credentials, message) => {
    const address = await serve(await credentials());
    await expect(ask(address, await admin())).rejects.toMatchObject({
      kind: "node_lost",
      code: "tls_failed",
      message: expect.stringMatching(message),
    });
  });

  test("shows its own new certificate when it connects again", async () => {
    const address = await serve(await credentialsOf({ role: "router" }));
    const live = new LiveCredentials(await credentialsOf({ role: "node", id: "before" }, nodes));
    expect(await ask(address, live)).toBe("node before");
    live.replace(await credentialsOf({ role: "node", id: "after" }, nodes));
    expect(await ask(address, live)).toBe("node after");
  });
});

describe("first contact", () => {
  const pin = (certificate: KeyedCertificate) => fingerprintOf(certificatesIn(certificate.certificate)[0]);

  test("takes the authority that the token pins from the server's own chain", async () => {
    const address = await serve(await credentialsOf({ role: "registry" }));
    const authority = await fetchAuthority(address, pin(root), never);
    expect(fingerprintOf(certificatesIn(authority)[0])).toBe(pin(root));
  });

  test("takes none that has not issued the server's certificate, though it is shown", async () => {
    const stranger = await certifyNew(other, { identity: { role: "registry" }, term });
    const address = await serve({ ...stranger, authorities: other.certificate + root.certificate });
    await expect(fetchAuthority(address, pin(root), never)).rejects.toMatchObject({
      code: "wrong_authority",
    });
  });

  test("takes nothing of another mesh", async () => {
    const address = await serve(await credentialsOf({ role: "registry" }));
    await expect(fetchAuthority(address, pin(other), never)).rejects.toMatchObject({
      kind: "unauthenticated",
      code: "wrong_authority",
      message: expect.stringContaining("is not the registry that the join token is for"),
    });
  });

  test("tells a server in plain text and an address without a server apart", async () => {
    const plain = await serve();
    await expect(fetchAuthority(plain, pin(root), never)).rejects.toThrow(/does not speak TLS/);
    await expect(fetchAuthority("127.0.0.1:1", pin(root), never)).rejects.toThrow(
      /cannot be reached \(ECONNREFUSED\)/,
    );
    expect(await speaksTls(plain, never)).toBe(false);
    expect(await speaksTls(await serve(await credentialsOf({ role: "registry" })), never)).toBe(true);
  });
});
