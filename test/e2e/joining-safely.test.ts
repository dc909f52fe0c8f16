import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Credentials } from "../../core/identity/credentials.ts";
import { formatJoinToken, type JoinToken, parseJoinToken } from "../../core/identity/join-token.ts";
import { createKey, proveKey, publicKeyOf } from "../../core/identity/key-pair.ts";
import { createGrpcTransport } from "../../core/rpc/grpc-transport.ts";
import { InferenceService } from "../../gen/cxmpute/inference/v1/inference_pb.ts";
import { IdentityService } from "../../gen/cxmpute/registry/v1/identity_pb.ts";
import { RegistryService } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import { IdentityFolder, joinMesh } from "../../services/inference/index.ts";
import { freeAddress } from "../support/mesh.ts";
import { cxmpute } from "../support/program.ts";
import { type SecureMesh, startSecureMesh } from "../support/secure-mesh.ts";

let mesh: SecureMesh;
beforeAll(async () => {
  mesh = await startSecureMesh();
});
afterAll(() => mesh?.stop());

const ask = (model: string, body: object = {}) =>
  fetch(`${mesh.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-user-id": "local" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "Hello." }], max_tokens: 5, ...body }),
  });

const registryAs = (credentials: Credentials | Pick<Credentials, "authorities">) =>
  createClient(RegistryService, mesh.connect("registry", credentials));
const identitiesAs = (credentials: Credentials | Pick<Credentials, "authorities">) =>
  createClient(IdentityService, mesh.connect("registry", credentials));
const routerAs = (credentials: Credentials | Pick<Credentials, "authorities">) =>
  createClient(RouterService, mesh.connect("router", credentials));

/** What a node says when it attaches, and then nothing. */
async function* hello(nodeId: string, leaseId: string) {
  yield { message: { case: "hello" as const, value: { nodeId, leaseId } } };
}
const attach = (credentials: Credentials, nodeId: string, leaseId: string) =>
  Array.fromAsync(routerAs(credentials).attach(hello(nodeId, leaseId)));

/** An identity by the one call that needs none. */
async function joinByHand(text: string, nodeId: string, privateKey = createKey()): Promise<Credentials> {
  const { secret } = parseJoinToken(text) as JoinToken;
  const { authorities } = await mesh.credentialsOf("registry");
  const publicKey = publicKeyOf(privateKey);
  const proof = proveKey(privateKey, secret, nodeId);
  const joined = await identitiesAs({ authorities }).join({ secret, nodeId, publicKey, proof });
  return { certificate: joined.certificate, authorities: joined.authorities, privateKey };
}

describe("a machine with a join token", () => {
  test("offers its models with one command, and after that without the token", async () => {
    const program = await mesh.joinAndWait("one", "--token", await mesh.createToken(), "--model", "from-one");
    expect(program.stdout()).toContain("Joined the mesh as node one.");
    expect((await ask("from-one")).status).toBe(200);
    const folder = join(mesh.folder, "one", "identity");
    for (const file of ["key.pem", "certificate.pem", "authorities.pem", "mesh.json"])
      expect([(await stat(join(folder, file))).mode & 0o777, file]).toEqual([0o600, file]);

    await program.stop();
    const again = await mesh.joinAndWait("one", "--model", "from-one");
    await again.output(/node one is registered and attaches to/);
    expect((await ask("from-one")).status).toBe(200);
  });

  test("leaves the token's secret in no log, and in no file", async () => {
    const token = await mesh.createToken();
    await mesh.joinAndWait("quiet", "--token", token, "--log-level", "trace");
    const { secret } = parseJoinToken(token) as JoinToken;
    const kept = ["registry/registry/identities.json", "quiet/identity/mesh.json"];
    const texts = [
      ...(await Promise.all(kept.map((file) => readFile(join(mesh.folder, file), "utf8")))),
      ...[...mesh.programs.values()].flatMap((program) => [program.stdout(), program.stderr()]),
    ];
    for (const text of texts) {
      expect(text).not.toContain(secret);
      expect(text).not.toContain(token.slice(0, 40));
    }
  });

  test("can be dialled by routers over TLS as well", async () => {
    const address = await freeAddress();
    const token = await mesh.createToken();
    await mesh.joinAndWait("dialled", "--token", token, "--advertise", address, "--model", "from-dialled");
    expect((await ask("from-dialled")).status).toBe(200);
    // Nobody but routers gets an answer there.
    const { authorities } = await mesh.credentialsOf("admin");
    const transport = createGrpcTransport({
      address,
      tls: { credentials: { authorities }, expect: { role: "node", id: "dialled" } },
    });
    await expect(
      Array.fromAsync(createClient(InferenceService, transport).generate({})),
    ).rejects.toMatchObject({
      kind: "unauthenticated",
    });
    transport.close();
  });

  test("cannot use it again, and is told so; the machine that did keeps its place", async () => {
    const token = await mesh.createToken();
    await joinByHand(token, "first");
    const second = mesh.join("second", "--token", token);
    expect((await second.ended).code).toBe(1);
    expect(second.stderr()).toContain(
      "cxmpute join: The join token has been used: it admits one node. Ask the operator for a new one.",
    );
  });

  test("is not let in under a name that is taken, which costs no use", async () => {
    await joinByHand(await mesh.createToken(), "taken");
    const token = await mesh.createToken();
    await expect(joinByHand(token, "taken")).rejects.toMatchObject({ code: "name_taken" });
    await joinByHand(token, "free");
  });

  test("gets one identity out of a hundred that race for it", async () => {
    const token = await mesh.createToken();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 100 }, (_, index) => joinByHand(token, `racer-${index}`)),
    );
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "token_used" });
  });

  test("gets its identity again when the answer was lost, with the same key and name only", async () => {
    const token = await mesh.createToken();
    const key = createKey();
    await joinByHand(token, "repeater", key);
    await registryAs(await joinByHand(token, "repeater", key)).registerNode({ node: { id: "repeater" } });
    await expect(joinByHand(token, "repeater")).rejects.toMatchObject({ code: "token_used" });
  });

  test("hears when its clock is behind, and gets in with the same token once it is right", async () => {
    const token = parseJoinToken(await mesh.createToken()) as JoinToken;
    const folder = new IdentityFolder(join(mesh.folder, "late"));
    const place = { nodeId: "late", registry: mesh.registry, routers: [mesh.router] };
    const { signal } = new AbortController();
    const joinAt = (wallTime: number) => joinMesh(token, place, folder, { signal, wallTime });
    await expect(joinAt(Date.now() - 3_600_000)).rejects.toThrow(
      /is valid only from .*Z, and this machine's clock says .*Z: set the clock right$/,
    );
    expect(await folder.read(Date.now())).toBeUndefined();
    expect(await joinAt(Date.now())).toMatchObject({ nodeId: "late" });
  });

  test("does not talk to a registry that the token does not pin", async () => {
    const token = parseJoinToken(await mesh.createToken()) as JoinToken;
    const forged = formatJoinToken({ ...token, authorityFingerprint: "0".repeat(64) });
    const program = mesh.join("pinned", "--token", forged);
    expect((await program.ended).code).toBe(1);
    expect(program.stderr()).toContain(
      `${mesh.registry} is not the registry that the join token is for: its certificate comes from another CA.`,
    );
  });
});

describe("a node", () => {
  let a: Credentials;
  let b: Credentials;
  beforeAll(async () => {
    const token = await mesh.createToken("--uses", "2");
    a = await joinByHand(token, "a");
    b = await joinByHand(token, "b");
  });
  const refused = { kind: "unauthenticated", code: "identity_refused" };

  test("cannot register as another", async () => {
    await registryAs(a).registerNode({ node: { id: "a" } });
    await expect(registryAs(a).registerNode({ node: { id: "b" } })).rejects.toMatchObject({
      ...refused,
      message: "Registering as node b is not for node a: a node acts only under its own name.",
    });
  });

  test("cannot renew or end another's lease, even when it knows it", async () => {
    const { leaseId } = await registryAs(b).registerNode({ node: { id: "b" } });
    await expect(registryAs(a).renewLease({ leaseId })).rejects.toMatchObject({ code: "lease_lapsed" });
    await registryAs(a).deregisterNode({ leaseId });
    expect((await registryAs(b).renewLease({ leaseId })).nodeId).toBe("b");
  });

  test("cannot attach as another, even with its lease", async () => {
    const { leaseId } = await registryAs(b).registerNode({ node: { id: "b" } });
    await expect(attach(a, "b", leaseId)).rejects.toMatchObject({
      ...refused,
      message: "Attaching as node b is not for node a: a node acts only under its own name.",
    });
  });

  test("cannot ask the mesh, look at other nodes, or rule it", async () => {
    await expect(registryAs(a).listNodes({})).rejects.toMatchObject(refused);
    await expect(Array.fromAsync(registryAs(a).watchNodes({}))).rejects.toMatchObject(refused);
    await expect(Array.fromAsync(routerAs(a).generate({}))).rejects.toMatchObject(refused);
    await expect(routerAs(a).listModels({})).rejects.toMatchObject(refused);
    await expect(identitiesAs(a).createJoinToken({})).rejects.toMatchObject(refused);
    await expect(identitiesAs(a).revokeNode({ nodeId: "b" })).rejects.toMatchObject(refused);
  });

  test("renews its identity for the same key", async () => {
    const { certificate, authorities } = await identitiesAs(a).renewIdentity({});
    expect(certificate).not.toBe(a.certificate);
    await registryAs({ ...a, certificate, authorities }).registerNode({ node: { id: "a" } });
  });
});

test("nobody without a certificate gets further than joining, and health", async () => {
  const { authorities } = await mesh.credentialsOf("admin");
  const refused = { kind: "unauthenticated", code: "identity_refused" };
  await expect(registryAs({ authorities }).registerNode({ node: { id: "x" } })).rejects.toMatchObject(
    refused,
  );
  await expect(registryAs({ authorities }).listNodes({})).rejects.toMatchObject(refused);
  await expect(identitiesAs({ authorities }).createJoinToken({})).rejects.toMatchObject(refused);
  await expect(routerAs({ authorities }).listModels({})).rejects.toMatchObject(refused);
});

test("a service does only what is its own", async () => {
  const refused = { kind: "unauthenticated", code: "identity_refused" };
  const [router, translator] = [await mesh.credentialsOf("router"), await mesh.credentialsOf("translator")];
  await expect(identitiesAs(router).createJoinToken({})).rejects.toMatchObject(refused);
  await expect(registryAs(router).registerNode({ node: { id: "x" } })).rejects.toMatchObject(refused);
  await expect(registryAs(translator).listNodes({})).rejects.toMatchObject(refused);
  await expect(attach(translator, "x", "y")).rejects.toMatchObject(refused);
});

test("the nodes are explained to the admin, not to an internal client, nor to a node", async () => {
  await mesh.joinAndWait("explained", "--token", await mesh.createToken(), "--model", "from-explained");
  const explained = async (credentials: Credentials) =>
    (await routerAs(credentials).explainRoute({ generation: { model: "from-explained" } })).verdicts;
  expect(await explained(await mesh.credentialsOf("admin"))).toContainEqual(
    expect.objectContaining({ node: expect.objectContaining({ id: "explained" }) }),
  );
  const command = cxmpute(["explain", "from-explained", "--tls", mesh.tlsFolder, "--router", mesh.router]);
  expect(await command.ended, command.stderr()).toMatchObject({ code: 0 });
  expect(command.stdout()).toMatch(/^1 +explained /m);
  for (const credentials of [await mesh.credentialsOf("client"), await mesh.identityOf("explained")])
    await expect(explained(credentials)).rejects.toMatchObject({ code: "identity_refused" });
});

describe("a node that is revoked", () => {
  /** Promises promise 5 seconds. */
  const within5s = <T>(event: Promise<T>): Promise<T> => {
    const late = new Promise<never>((_, reject) =>
      AbortSignal.timeout(5000).addEventListener("abort", () => reject(new Error("It took more than 5 s."))),
    );
    return Promise.race([event, late]);
  };

  test.each([
    { name: "bad-attached", flags: async () => [] as string[] },
    { name: "bad-dialled", flags: async () => ["--advertise", await freeAddress()] },
  ])("is cut within 5 s while it answers: $name", async ({ name, flags }) => {
    const pace = ["--tokens-per-second", "5", "--answer-tokens", "100000", "--model", `of-${name}`];
    await mesh.joinAndWait(name, "--token", await mesh.createToken(), ...pace, ...(await flags()));
    const answer = await ask(`of-${name}`, { stream: true, max_tokens: 100_000 });
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    await reader.read();

    const admin = identitiesAs(await mesh.credentialsOf("admin"));
    const cut = (async () => {
      let text = "";
      for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
      return text;
    })();
    await within5s(Promise.all([admin.revokeNode({ nodeId: name }), cut]));
    expect(await cut).toContain('"error"');

    const program = mesh.programs.get(name)!;
    expect((await program.ended).code).toBe(1);
    expect(program.stderr()).toContain(`cxmpute join: The operator of this mesh has removed node ${name}`);

    const stillHas = await mesh.identityOf(name);
    const gone = { kind: "unauthenticated", code: "node_revoked" };
    await expect(registryAs(stillHas).registerNode({ node: { id: name } })).rejects.toMatchObject(gone);
    await expect(identitiesAs(stillHas).renewIdentity({})).rejects.toMatchObject(gone);
    await expect(attach(stillHas, name, "any lease")).rejects.toMatchObject(gone);
    await expect(joinByHand(await mesh.createToken(), name)).rejects.toMatchObject(gone);
    expect((await ask(`of-${name}`)).status).toBe(503);
  });

  test("stays out when the registry starts again", async () => {
    const token = await mesh.createToken("--uses", "2");
    const identity = await joinByHand(token, "worse");
    expect(await mesh.admin("node", "revoke", "worse")).toContain("Node worse is removed");
    await mesh.restartRegistry();
    await expect(registryAs(identity).registerNode({ node: { id: "worse" } })).rejects.toMatchObject({
      code: "node_revoked",
    });
    // What else the registry knew is there as well.
    await joinByHand(token, "better");
    await expect(joinByHand(token, "third")).rejects.toMatchObject({ code: "token_used" });
  });
});

describe("a mesh in plain text", () => {
  test("gives out no tokens, and says what to do", async () => {
    const registry = await freeAddress();
    const program = cxmpute(["registry", "--listen", registry]);
    try {
      await program.output(/listening/);
      const create = cxmpute(["token", "create", "--registry", registry]);
      expect((await create.ended).code).toBe(1);
      expect(create.stderr()).toContain(
        "This registry runs without TLS, so nodes have no identities: they join without a token",
      );
      const token = parseJoinToken(await mesh.createToken()) as JoinToken;
      const join = mesh.join("plain", "--token", formatJoinToken({ ...token, registry }));
      expect((await join.ended).code).toBe(1);
      expect(join.stderr()).toContain(
        `${registry} does not speak TLS, and a join token works only in a mesh that does`,
      );
    } finally {
      await program.stop();
    }
  });

  test("is not what this one is: a machine without a token is told to ask for one", async () => {
    const program = mesh.join("tokenless", "--registry", mesh.registry, "--router", mesh.router);
    expect((await program.ended).code).toBe(1);
    expect(program.stderr()).toContain(
      `cxmpute join: the registry at ${mesh.registry} speaks TLS and admits only machines with an identity`,
    );
  });

  test("says to a client in plain text that the mesh speaks TLS", async () => {
    const nodes = cxmpute(["nodes", "--registry", mesh.registry]);
    expect((await nodes.ended).code).toBe(1);
    expect(nodes.stderr()).toContain(
      `the registry at ${mesh.registry} speaks TLS, and this command does not: give it a certificate with --tls FOLDER`,
    );
  });
});
