import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { certify, certifyNew, type KeyedCertificate } from "../../core/identity/authority.ts";
import { certificatesIn, fingerprintOf } from "../../core/identity/certificate.ts";
import { formatJoinToken } from "../../core/identity/join-token.ts";
import { publicKeyOf } from "../../core/identity/key-pair.ts";
import type { Part } from "../../core/lifecycle/lifecycle.ts";
import { silentLog } from "../../core/telemetry/log.ts";
import { createAuthorities, type TestAuthorities } from "../../test/support/core/certificates.ts";
import { IdentityFolder } from "../inference/index.ts";
import { type Membership, type MembershipValues, openMembership } from "./membership.ts";

const day = 86_400_000;
const term = { from: Date.now() - day, until: Date.now() + 365 * day };

let { root, nodes, other } = {} as TestAuthorities;
beforeAll(async () => {
  ({ root, nodes, other } = await createAuthorities(term));
});

let data: string;
let folder: IdentityFolder;
let parts: Part[];
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), "cxmpute-membership-"));
  folder = new IdentityFolder(data);
  parts = [];
});
afterEach(async () => {
  for (const part of parts) await part.stop?.();
  await rm(data, { recursive: true, force: true });
});

const open = (values: Partial<MembershipValues> = {}): Promise<Membership> =>
  openMembership(
    {
      data,
      token: undefined,
      registry: undefined,
      routers: [],
      nodeId: undefined,
      tlsCert: undefined,
      tlsKey: undefined,
      tlsCa: undefined,
      ...values,
    },
    {
      signal: new AbortController().signal,
      add: (part) => void parts.push(part),
      log: silentLog,
      createNodeId: () => "made-up",
    },
  );

/** Makes the folder of a node that has joined. */
async function joinBefore(own = term): Promise<void> {
  const publicKey = publicKeyOf(await folder.key());
  const certificate = await certify(nodes, { identity: { role: "node", id: "gpu-1" }, publicKey, term: own });
  await folder.keepCertificate({ certificate, authorities: root.certificate });
  await folder.keepConfig({ nodeId: "gpu-1", registry: "mesh:1", routers: ["mesh:2", "mesh:3"] });
}

const tokenOf = (authority: KeyedCertificate): string =>
  formatJoinToken({
    registry: "new-mesh:1",
    routers: ["new-mesh:2"],
    authorityFingerprint: fingerprintOf(certificatesIn(authority.certificate)[0]),
    secret: "s",
  });

describe("a node without an identity", () => {
  test("is in a mesh in plain text, on this machine unless told otherwise", async () => {
    expect(await open()).toMatchObject({
      nodeId: "made-up",
      registry: "127.0.0.1:50051",
      routers: ["127.0.0.1:50052"],
      security: { credentials: undefined },
    });
    const told = await open({ nodeId: "me", registry: "r:1", routers: ["r:2", "r:3"] });
    expect(told).toMatchObject({ nodeId: "me", registry: "r:1", routers: ["r:2", "r:3"] });
  });

  test.each(["", "sk-cx-123", "cxj_", "cxj_WzEsInI6MSIs"])("does not take %j for a token", async (token) => {
    await expect(open({ token })).rejects.toThrow(
      "--token: this is not a whole join token: a join token is a single word that starts with cxj_. Copy all of it.",
    );
  });
});

describe("a node with an identity", () => {
  test("needs no flag: the identity says who it is and where its mesh", async () => {
    await joinBefore();
    const { security, ...membership } = await open();
    expect(membership).toEqual({
      nodeId: "gpu-1",
      registry: "mesh:1",
      routers: ["mesh:2", "mesh:3"],
      note: undefined,
    });
    expect(security.credentials?.current.authorities).toBe(root.certificate);
  });

  test("goes where it is told, and remembers that", async () => {
    await joinBefore();
    await open({ registry: "moved:1" });
    expect(await open()).toMatchObject({ registry: "moved:1", routers: ["mesh:2", "mesh:3"] });
  });

  test("does not spend a token for the mesh that it is in, but goes where the token says", async () => {
    await joinBefore();
    expect(await open({ token: tokenOf(root) })).toMatchObject({
      nodeId: "gpu-1",
      registry: "new-mesh:1",
      routers: ["new-mesh:2"],
      note: "This machine is in the mesh already, as node gpu-1; the join token is still unused.",
    });
  });

  test.each<[string, Partial<MembershipValues> | (() => Partial<MembershipValues>), RegExp]>([
    [
      "a token for another mesh",
      () => ({ token: tokenOf(other) }),
      /^--token: this token is for another mesh than the one to which the identity in .*identity belongs\. .* The token is still unused\.$/,
    ],
    [
      "another name",
      { nodeId: "gpu-2" },
      /^--node-id: this machine is node gpu-1 in this mesh, by its identity in .*identity\. Leave --node-id out/,
    ],
  ])("refuses %s", async (_, values, message) => {
    await joinBefore();
    await expect(open(typeof values === "function" ? values() : values)).rejects.toThrow(message);
  });

  test.each<[string, () => Promise<void>, RegExp]>([
    [
      "has expired",
      () => joinBefore({ from: term.from, until: Date.now() - 60_000 }),
      /certificate\.pem expired at .*Z, and this machine's clock says .*Z\. Set the clock right if it is wrong; otherwise ask the operator for a new token and run `cxmpute join --token`\.$/,
    ],
    [
      "is not valid yet",
      () => joinBefore({ from: Date.now() + day, until: Date.now() + 2 * day }),
      /certificate\.pem is valid only from .*Z, and this machine's clock says .*Z: set the clock right\./,
    ],
    [
      "others can read",
      async () => {
        await joinBefore();
        await chmod(join(folder.path, "key.pem"), 0o640);
      },
      /key\.pem can be read by other users of this machine, and anyone who has it can impersonate this node: chmod 600 it\./,
    ],
    [
      "has lost its key",
      async () => {
        await joinBefore();
        await rm(join(folder.path, "key.pem"));
      },
      /key\.pem is missing, so the certificate beside it cannot be used: restore the file, or remove .*identity and join with a new token\.$/,
    ],
    [
      "has another key",
      async () => {
        await joinBefore();
        const { privateKey } = await certifyNew(nodes, { identity: { role: "admin" }, term });
        await writeFile(join(folder.path, "key.pem"), privateKey);
      },
      /key\.pem is not the key of the certificate in .*certificate\.pem.*\. To start again, remove .*identity and join with a new token\.$/,
    ],
    [
      "is spoilt",
      async () => {
        await joinBefore();
        await writeFile(join(folder.path, "certificate.pem"), "\0\0");
      },
      /certificate\.pem is not a certificate in PEM form.* To start again, remove/,
    ],
    [
      "has lost its way",
      async () => {
        await joinBefore();
        await writeFile(join(folder.path, "mesh.json"), "{");
      },
      /mesh\.json cannot be read\. Remove it, and say --registry and --router once\.$/,
    ],
  ])("that %s says so, and what to do", async (_, spoil, message) => {
    await spoil();
    await expect(open()).rejects.toThrow(message);
  });

  test("that is for its owner alone does not become readable by being used", async () => {
    await joinBefore();
    await open({ registry: "moved:1" });
    const { mode } = await import("node:fs/promises").then(({ stat }) =>
      stat(join(folder.path, "mesh.json")),
    );
    expect(mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(join(folder.path, "mesh.json"), "utf8"))).toMatchObject({
      nodeId: "gpu-1",
    });
  });
});

describe("a node with a certificate of its own", () => {
  const files = async (identity: Parameters<typeof certifyNew>[1]["identity"]) => {
    const own = await certifyNew(nodes, { identity, term });
    const [tlsCert, tlsKey, tlsCa] = ["own.pem", "own.key", "ca.pem"].map((name) => join(data, name));
    await writeFile(tlsCert!, own.certificate);
    await writeFile(tlsKey!, own.privateKey);
    await writeFile(tlsCa!, root.certificate);
    return { tlsCert, tlsKey, tlsCa };
  };

  test("is who the certificate says", async () => {
    expect(await open(await files({ role: "node", id: "owned" }))).toMatchObject({ nodeId: "owned" });
  });

  test("cannot be called otherwise, needs no token, and is no service", async () => {
    const node = await files({ role: "node", id: "owned" });
    await expect(open({ ...node, nodeId: "else" })).rejects.toThrow(
      /own\.pem is for node owned; leave --node-id out/,
    );
    await expect(open({ ...node, token: tokenOf(root) })).rejects.toThrow(
      /--token: not together with --tls-cert/,
    );
    await expect(open(await files({ role: "router" }))).rejects.toThrow(
      /own\.pem is for the router, and this needs one for a node/,
    );
  });
});
