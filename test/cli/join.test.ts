import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { needsToken } from "../../services/commands/membership.ts";
import { createLlamaCppEngine } from "../../services/inference/engines/llama-cpp/index.ts";
import { nodeMessages } from "../../services/inference/node/messages.ts";
import { shortestSleepMs } from "../../services/inference/node/sleep-watch.ts";
import { scripts, startScripted } from "../support/inference/discover.ts";
import { starterPath } from "../support/inference/llama-cpp/engines.ts";
import { type OllamaServer, startOllamaServer } from "../support/inference/ollama/ollama-server.ts";
import { findLlamaServer, type LlamaServer, startLlamaServer } from "../support/llama-server.ts";
import { freeAddress } from "../support/mesh.ts";
import { cxmpute, type Program } from "../support/program.ts";
import { startSecureMesh } from "../support/secure-mesh.ts";

/** A node that is stopped until it has lost a lease of this length takes that for sleep: the last renewal is half as old. */
const leaseMs = 2 * shortestSleepMs;

let folder: string;
let registry: string;
let router: string;
let routerProgram: Program;
let registryProgram: Program;
const programs: Program[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cxmpute-join-"));
  registry = await freeAddress();
  router = await freeAddress();
  registryProgram = cxmpute(["registry", "--listen", registry, "--lease-ttl-ms", `${leaseMs}`]);
  routerProgram = cxmpute(["router", "--listen", router, "--registry", registry]);
  await Promise.all([registryProgram, routerProgram].map((program) => program.output(/listening/)));
});
afterEach(async () => {
  await Promise.all(programs.splice(0).map((program) => program.stop("SIGKILL")));
});
afterAll(async () => {
  await Promise.all([registryProgram, routerProgram].map((program) => program?.stop("SIGKILL")));
  await rm(folder, { recursive: true, force: true });
});

/** A node that finds no Ollama but the one that is named, in a data folder of its own. */
function startNode(
  args: readonly string[],
  options: { ollama?: string; mesh?: readonly string[] } = {},
): Program {
  const mesh = options.mesh ?? ["--registry", registry, "--router", router];
  const data = ["--data", join(folder, `data-${programs.length}`)];
  const program = cxmpute(["join", ...mesh, ...data, ...args], {
    OLLAMA_HOST: options.ollama ?? "127.0.0.1:1",
  });
  programs.push(program);
  return program;
}

const isConnected = (id: string) => (line: { msg: string; node_id?: unknown }) =>
  line.msg === "node connected" && line.node_id === id;

describe("a machine with an Ollama and a folder of models", () => {
  let ollama: OllamaServer;
  let models: string;
  beforeAll(async () => {
    ollama = await startOllamaServer({
      engine: createLlamaCppEngine({ modelPath: starterPath, slots: 2 }),
      parallel: 2,
    });
    models = await mkdtemp(join(folder, "models-"));
    await copyFile(starterPath, join(models, "Qwen3-8B-Q4_K_M.gguf"));
    await copyFile(starterPath, join(models, "my-tune.gguf"));
    await writeFile(join(models, "cut.gguf"), (await readFile(starterPath)).subarray(0, 1_000_000));
  });
  afterAll(() => ollama?.close());

  test("offers all of them on its own, under canonical names, and says what it leaves out", async () => {
    const args = ["--node-id", "finder", "--models", models, "--as", "my-tune=tuned:1b"];
    const program = startNode(args, { ollama: ollama.url });
    await program.output(/is registered and attaches/);
    const screen = program.stdout();
    expect(screen).toContain("found on this machine and offers:");
    expect(screen).toMatch(new RegExp(`^ {2}Ollama [\\d.]+ at ${ollama.url}$`, "m"));
    expect(screen).toMatch(
      /^ {4}qwen3:8b +\d+ slots?, 1024 tokens of context, there called Qwen3-8B-Q4_K_M$/m,
    );
    expect(screen).toMatch(/^ {4}tuned:1b +\d+ slots?, 1024 tokens of context, there called my-tune$/m);
    expect(screen.replace(/\s+/g, "")).toContain(`${models}/cut.ggufcannotbeloaded:thefileiscutoff`);
    await routerProgram.logged(isConnected("finder"));
    const { stdout } = await ended(cxmpute(["nodes", "--registry", registry, "--json"]));
    const rows = JSON.parse(stdout) as { node: string; model: string; engine: string }[];
    const served = rows
      .filter(({ node }) => node === "finder")
      .map(({ model, engine }) => `${engine} ${model}`);
    expect(served).toContain("llama-cpp qwen3:8b");
    expect(served).toContain("llama-cpp tuned:1b");
    expect(served.filter((one) => one.startsWith("ollama "))).toHaveLength(1);
  });

  test("offers only what it is told to", async () => {
    const args = ["--models", models, "--only", "my-tune"];
    const program = startNode(args, { ollama: ollama.url });
    await program.output(/is registered and attaches/);
    expect(program.stdout()).toMatch(/^ {4}my-tune /m);
    expect(program.stdout()).not.toContain("qwen3:8b");
    expect(program.stdout()).not.toContain("Ollama");
  });

  test("has its Ollama download what --pull names, and offers it", async () => {
    const program = startNode(["--engine", "ollama", "--url", ollama.url, "--pull", "starter:1m"]);
    await program.logged(({ msg, model }) => msg === "model downloaded" && model === "starter:1m");
    await program.output(/is registered and attaches/);
    const missing = startNode(["--engine", "ollama", "--url", ollama.url, "--pull", "no-such-model:7b"]);
    expect(await ended(missing)).toMatchObject({ code: 1 });
    expect(missing.stderr()).toContain("Ollama's library has no model `no-such-model:7b`.");
  });

  test("is told apart by --url alone", async () => {
    const program = startNode(["--url", ollama.url]);
    await program.output(/is registered and attaches/);
    expect(program.stdout()).toMatch(/ Ollama [\d.]+ at /);
    expect(program.stdout()).not.toContain("found on this machine");
  });
});

/** Resolves with all that a program said, once it has ended. */
async function ended(program: Program) {
  const { code } = await program.ended;
  return { code, stdout: program.stdout(), stderr: program.stderr() };
}

describe("what a provider names and is not there ends the command with one line", () => {
  const open: (Server | { close(): unknown })[] = [];
  afterEach(() => {
    for (const server of open.splice(0)) server.close();
  });

  const fault = async (...args: string[]) => {
    const said = await ended(startNode(["--log-level", "error", ...args]));
    expect(said).toMatchObject({ code: 1, stdout: "" });
    expect(said.stderr.split("\n")).toHaveLength(1);
    return said.stderr;
  };

  test("a URL where nothing listens", async () => {
    const address = await freeAddress();
    expect(await fault("--url", `http://${address}`)).toBe(
      `cxmpute join: cannot use the server at http://${address}: nothing listens there. Start the server, or check host and port of --url.`,
    );
  });

  test("a URL of a web page", async () => {
    const page = await startScripted(scripts.webPage);
    open.push(page);
    expect(await fault("--url", page.url)).toContain(
      `what answers at ${page.url} is neither Ollama nor a server with OpenAI's API`,
    );
  });

  test("a server that wants a key", async () => {
    const server = await startScripted(scripts.vllm, { key: "secret" });
    open.push(server);
    expect(await fault("--url", server.url)).toContain("asks for a key. Set CXMPUTE_ENGINE_KEY");
    const refused = await fault("--url", server.url, "--engine-key", "not-this-one");
    expect(refused).toContain("refuses the key. Set CXMPUTE_ENGINE_KEY");
    expect(refused).not.toContain("not-this-one");
  });

  test.each(["ollama", "openai"])("a URL where no %s listens", async (engine) => {
    const address = await freeAddress();
    expect(await fault("--engine", engine, "--url", `http://${address}`)).toContain(address);
  });

  test("a folder that is not there", async () => {
    expect(await fault("--engine", "llama-cpp", "--models", "/nowhere/models")).toBe(
      "cxmpute join: cannot look for models in /nowhere/models: there is no such folder.",
    );
  });

  test("a model that is nowhere here", async () => {
    const models = await mkdtemp(join(folder, "one-"));
    await copyFile(starterPath, join(models, "small.gguf"));
    expect(await fault("--models", models, "--only", "big")).toContain(
      "--only big: nothing here has a model of that name. There is small",
    );
  });

  test("a model that does not fit into memory", async () => {
    expect(await fault("--model", "models/starter.gguf", "--slots", "65536")).toMatch(
      /Not enough memory: the model takes [\d.]+ GiB, 65536 slots of 1024 tokens take [\d.]+ GiB, and [\d.]+ GiB are available\. Choose a smaller model/,
    );
  });

  test("a port to be dialled at that is taken", async () => {
    const occupant = createServer();
    await new Promise<void>((resolve) => occupant.listen(0, "127.0.0.1", resolve));
    open.push(occupant);
    const address = `127.0.0.1:${(occupant.address() as AddressInfo).port}`;
    expect(await fault("--engine", "synthetic", "--advertise", address)).toBe(
      `cxmpute join: ${address} is already in use: another program listens there. Stop it, or choose another address with --advertise HOST:PORT.`,
    );
  });
});

const llamaServer = findLlamaServer();

describe.skipIf("missing" in llamaServer)("a machine with a real llama-server", () => {
  let server: LlamaServer;
  beforeAll(async () => {
    if ("path" in llamaServer) server = await startLlamaServer(llamaServer.path);
  });
  afterAll(() => server?.stop());

  test("offers it by its URL, with its version and slots, and answers through it", async () => {
    const node = startNode(["--url", `${server.url}/v1`, "--node-id", "served"]);
    await node.output(/is registered and attaches/);
    expect(node.stdout()).toMatch(new RegExp(`^ {2}llama-server \\S+ at ${server.url}$`, "m"));
    expect(node.stdout()).toMatch(/^ {4}starter {2}4 slots, 1024 tokens of context$/m);
    await routerProgram.logged(isConnected("served"));
  });
});

test("a mesh that lets machines in by token says so to one that has none", async () => {
  const mesh = await startSecureMesh();
  try {
    const address = mesh.registry;
    const node = startNode(["--engine", "synthetic"], {
      mesh: ["--registry", address, "--router", mesh.router],
    });
    expect(await ended(node)).toMatchObject({ code: 1, stdout: "" });
    expect(node.stderr()).toContain(`cxmpute join: ${needsToken(address).message}`);
    const doctor = cxmpute([
      "doctor",
      "--registry",
      address,
      "--router",
      mesh.router,
      "--data",
      folder,
      "--json",
    ]);
    const said = JSON.parse((await ended(doctor)).stdout) as { name: string; status: string; says: string }[];
    for (const name of ["Registry", "Router"])
      expect(said.find((finding) => finding.name === name)).toMatchObject({
        status: "fault",
        says: expect.stringContaining("speaks TLS, and this machine has no identity for it"),
      });
    await mesh.joinAndWait("member", "--token", await mesh.createToken());
    const members = cxmpute(["doctor", "--data", join(mesh.folder, "member"), "--json"]);
    const fine = await ended(members);
    expect(fine.code).toBe(0);
    const findings = JSON.parse(fine.stdout) as { name: string; status: string; says: string }[];
    expect(findings.find(({ name }) => name === "Identity")?.says).toMatch(
      /^node member, whose certificate is valid/,
    );
    expect(findings.find(({ name }) => name === "Registry")).toMatchObject({ status: "ok" });
    expect(findings.find(({ name }) => name === "Router")).toMatchObject({ status: "ok" });
  } finally {
    await mesh.stop();
  }
});

describe("a mesh that is away", () => {
  test("is told at once, with what to check, and joined when it comes", async () => {
    const [lateRegistry, lateRouter] = [await freeAddress(), await freeAddress()];
    const mesh = ["--registry", lateRegistry, "--router", lateRouter];
    const node = startNode(["--engine", "synthetic", "--node-id", "early"], { mesh });
    await node.logged(({ msg }) => msg === nodeMessages.registryAway(`the registry at ${lateRegistry}`));
    const late = cxmpute(["registry", "--listen", lateRegistry]);
    programs.push(late);
    await node.logged(({ msg }) => msg === nodeMessages.registryBack(`the registry at ${lateRegistry}`));
    await node.logged(({ msg }) => msg === nodeMessages.routerAway(`the router at ${lateRouter}`));
    const routing = cxmpute(["router", "--listen", lateRouter, "--registry", lateRegistry]);
    programs.push(routing);
    await routing.logged(isConnected("early"));
  });
});

test("a node that was stopped for longer than its lease is back as soon as it goes on", async () => {
  const node = startNode(["--engine", "synthetic", "--node-id", "sleeper"]);
  await node.output(/is registered/);
  await routerProgram.logged(isConnected("sleeper"));
  const registrations = () => registryProgram.stderr().split('"node_id":"sleeper"').length - 1;
  const before = registrations();
  node.child.kill("SIGSTOP");
  await routerProgram.logged(({ msg, node_id }) => msg === "node left" && node_id === "sleeper");
  node.child.kill("SIGCONT");
  await node.logged(({ msg }) => msg === nodeMessages.awake);
  await node.logged(
    (line) =>
      line.msg === "registered" &&
      node.stderr().indexOf(nodeMessages.awake) < node.stderr().indexOf(line.time),
  );
  expect(registrations()).toBeGreaterThan(before);
  const connections = () =>
    routerProgram.stderr().match(/"node_id":"sleeper"[^\n]*node connected/g)?.length ?? 0;
  await routerProgram.logged(() => connections() >= 2);
});
