import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadCatalogue } from "../core/catalogue/load-catalogue.ts";
import { systemClock } from "../core/clock.ts";
import { toListenFault } from "../core/lifecycle/listen-fault.ts";
import { type ProtocolRange, protocolFault } from "../core/protocol.ts";
import { createLog, silentLog } from "../core/telemetry/log.ts";
import { lockDataFolder } from "../services/commands/data-lock.ts";
import { hints, nothingOffered, onlySilent } from "../services/commands/join/hints.ts";
import { folderFault } from "../services/inference/discover/find-model-files.ts";
import { sameName, tooLarge } from "../services/inference/discover/fit-models.ts";
import { missingEngine } from "../services/inference/engines/llama-cpp/native/platform.ts";
import { createEngine, type EngineSpec } from "../services/inference/index.ts";
import { withCatalogueNames } from "../services/inference/naming/with-catalogue-names.ts";
import { nodeMessages } from "../services/inference/node/messages.ts";
import { logFindings } from "../services/inference/probe/findings.ts";
import { readConnectionFault } from "../services/inference/servers/connection-fault.ts";
import { serverFaults } from "../services/inference/servers/inspect-server.ts";
import { nameInUse, unknownHolder } from "../services/registry/name-holder.ts";
import { identityMessages } from "./support/identity-messages.ts";
import { type Script, scripts, startScripted } from "./support/inference/discover.ts";
import { FakeEngine, servedModel } from "./support/inference/fake-engine.ts";
import { starterPath } from "./support/inference/llama-cpp/engines.ts";
import { root } from "./support/program.ts";

// docs/joining.md lists every message that a provider can meet. Here each one is made by the very code that makes it
// for a provider: a message that changes, comes or goes without the document fails.

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cxmpute-messages-"));
});
afterAll(() => rm(folder, { recursive: true }));

const { signal } = new AbortController();

/** The message of whatever is thrown. */
async function thrown(attempt: () => unknown): Promise<string> {
  try {
    await attempt();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("Nothing was thrown.");
}

/** Why an engine can serve nothing. */
const engineFault = (spec: EngineSpec): Promise<string> =>
  thrown(async () => {
    const engine = createEngine(spec, { clock: systemClock, log: silentLog });
    try {
      await engine.models(signal);
    } finally {
      await engine.close();
    }
  });

/** The same of an engine whose server answers by a script. */
async function scriptedFault(
  engine: "openai" | "ollama",
  script: Script,
  { key, ...options }: { key?: string; only?: string[] } = {},
): Promise<string> {
  const server = await startScripted(script, key === undefined ? {} : { key });
  try {
    return await engineFault({ engine, url: server.url, ...options });
  } finally {
    await server.close();
  }
}

async function fileFault(name: string, content: Buffer | string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return engineFault({ engine: "llama-cpp", model: path });
}

/** One entry for each message of a table, so that a new one is missed by the compiler. */
const samples = <Table extends object>(
  made: { readonly [Key in keyof Table]: readonly string[] },
): string[] => Object.values<readonly string[]>(made).flat();

const older: ProtocolRange = { current: 1, oldest: 1 };
const newer: ProtocolRange = { current: 99, oldest: 98 };
const url = "http://127.0.0.1:8000";

/** What the registry says of a name that another process holds. */
const inUse = (verdict: "asks again" | "refused"): string => {
  const holder = { ...unknownHolder, host: "gpu-1", address: "10.0.0.7" };
  const held = { holder, draining: false, since: 0, renewedAt: 0, contender: undefined };
  return nameInUse("gpu-1", held, verdict, 10_000).message;
};

/** Every message, made. */
async function produce(): Promise<string[]> {
  const closed = await startScripted({});
  await closed.close();
  const starter = await readFile(starterPath);
  const noModels = { ...scripts.ollama, "/api/tags": { json: { models: [] } } };
  return [
    ...samples<typeof serverFaults>({
      silent: connectionCodes.map((code) => serverFaults.silent(url, faultOf(code)).message),
      stranger: [serverFaults.stranger(url, "status 404, text/html").message],
      key: [true, false].map((given) => serverFaults.key(url, given).message),
      noSuchModel: [[], ["a"]].map((has) => serverFaults.noSuchModel("m", has).message),
    }),
    nothingOffered().message,
    onlySilent([url]).message,
    ...samples<typeof hints>({
      emptyServer: [hints.emptyServer("Ollama", url, "ollama"), hints.emptyServer("vLLM", url, "vllm")],
      mesh: [hints.mesh(url)],
      locked: [hints.locked(url)],
      silent: [hints.silent(url)],
      emptyFolder: [hints.emptyFolder("/m")],
      cutFolder: [hints.cutFolder("/m")],
      manyModels: [hints.manyModels(3)],
    }),
    ...samples<typeof nodeMessages>({
      registryAway: [nodeMessages.registryAway("the registry at r:1")],
      registryRefuses: [nodeMessages.registryRefuses("the registry at r:1")],
      nameInUse: [nodeMessages.nameInUse],
      registryBack: [nodeMessages.registryBack("the registry at r:1")],
      routerAway: [nodeMessages.routerAway("the router at r:2")],
      routerRefuses: [nodeMessages.routerRefuses("the router at r:2")],
      registryMismatch: [
        nodeMessages.registryMismatch(
          "the registry at r:1",
          protocolFault({ other: "registry", self: "node" }, newer)!,
        ),
        nodeMessages.registryMismatch(
          "the registry at r:1",
          protocolFault({ other: "registry", self: "node" }, older, newer)!,
        ),
      ],
      routerMismatch: [
        nodeMessages.routerMismatch(
          "the router at r:2",
          protocolFault({ other: "router", self: "node" }, newer)!,
        ),
        nodeMessages.routerMismatch(
          "the router at r:2",
          protocolFault({ other: "router", self: "node" }, older, newer)!,
        ),
      ],
      clockSkew: [nodeMessages.clockSkew(60_000), nodeMessages.clockSkew(-60_000)],
      awake: [nodeMessages.awake],
    }),
    ...["ENOENT", "ENOTDIR", "EACCES", "EIO"].map((code) => folderFault("/m", code).message),
    ...[0, 1].map((others) => `/m/a.gguf is ${tooLarge(2 ** 35, 2 ** 34, others)}.`),
    `/m/a.gguf is ${sameName("/n/a.gguf")}.`,
    await engineFault({ engine: "openai", url: closed.url }),
    await engineFault({ engine: "ollama", url: closed.url }),
    await scriptedFault("openai", scripts.webPage),
    await scriptedFault("ollama", scripts.webPage),
    await scriptedFault("openai", scripts.vllm, { key: "key" }),
    await scriptedFault("ollama", noModels),
    await scriptedFault("ollama", { ...scripts.ollama, "/api/version": { json: { version: "0.5.0" } } }),
    await scriptedFault("ollama", scripts.ollama, { only: ["not-there"] }),
    ...(await namingMessages()),
    await engineFault({ engine: "llama-cpp", model: join(folder, "missing.gguf") }),
    await engineFault({ engine: "llama-cpp", model: starterPath, slots: 65_536 }),
    await fileFault("text.gguf", "This is no model at all."),
    await fileFault("cut.gguf", starter.subarray(0, 1_000_000)),
    missingEngine("darwin", "arm64").message,
    missingEngine("linux", "riscv64").message,
    protocolFault({ other: "node", self: "registry" }, newer)!,
    protocolFault({ other: "registry", self: "node" }, newer)!,
    await thrown(() => {
      throw toListenFault(
        Object.assign(new Error(), { code: "EADDRINUSE" }),
        "127.0.0.1:50053",
        "--advertise",
      );
    }),
    inUse("asks again"),
    inUse("refused"),
    await thrown(() => {
      const path = join(folder, "data");
      lockDataFolder(path, "join", silentLog);
      lockDataFolder(path, "join", silentLog);
    }),
    ...(await identityMessages()),
  ];
}

/** How a connection fails with a code. */
const faultOf = (code: string) => readConnectionFault(Object.assign(new Error(), { code }));

/** One code for each way in which a connection fails, and one that is nobody's. */
const connectionCodes = [
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ETIMEDOUT",
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "HPE_INVALID_CONSTANT",
  "ECONNRESET",
  "UND_ERR_HEADERS_TIMEOUT",
  "bad port",
  "EOTHER",
];

/** What is said of names, and of models that fail their probes. */
async function namingMessages(): Promise<string[]> {
  const said: string[] = [];
  const log = createLog({
    service: "test",
    level: "warn",
    pretty: false,
    write: (line) => void said.push(JSON.parse(line).msg),
  });
  const names = ["qwen3", "llama3.1:8b-instruct-q4_K_M", "llama3.1:8b-instruct-q8_0"];
  const as = { "my-tune": "tuned:1b" };
  await withCatalogueNames(new FakeEngine(names.map((name) => servedModel(name))), loadCatalogue, {
    log,
    as,
  }).models(signal);
  const all = { a: "x", b: "x", c: "a", d: "b" };
  await withCatalogueNames(new FakeEngine(Object.keys(all).map((name) => servedModel(name))), loadCatalogue, {
    log,
    as: all,
  }).models(signal);
  logFindings(log, servedModel("m"), new Map([["answer", { outcome: "refuted", reason: "it is mute" }]]), 1);
  return said;
}

/** The first column of every table below the heading. */
async function readRows(): Promise<string[]> {
  const text = await readFile(join(root, "docs/joining.md"), "utf8");
  const part = text.slice(text.indexOf("## Every message"));
  return [...part.matchAll(/^\| (.+?) \| .+ \| .+ \|$/gm)]
    .map(([, message]) => message!)
    .filter((message) => message !== "message");
}

/** What a row stands for: `…` is anything. */
const toPattern = (row: string): RegExp =>
  new RegExp(`^${row.split("…").map(RegExp.escape).join("[\\s\\S]*?")}$`);

/** Made only between machines, where other tests meet them; here each is held against its source. */
const madeElsewhere = [
  { row: "… is not the registry that the join token is for: …", source: "core/identity/fetch-authority.ts" },
  {
    row: "… cannot be reloaded, so the previous ones stay in use: …. Once the files are fixed, they are loaded within a minute without a restart.",
    source: "services/commands/credentials.ts",
  },
  {
    row: "TLS rejects the certificate in … with its key (…): get a new certificate with a new key",
    source: "core/identity/check-credentials.ts",
  },
  { row: "Ollama's library has no model …. …", source: "services/inference/engines/ollama/pull.ts" },
  {
    row: "The disk of Ollama's machine is full, so … cannot be pulled. …",
    source: "services/inference/engines/ollama/pull.ts",
  },
  {
    row: "… more models are not offered to the mesh: a node offers at most …. Choose them with --only NAME.",
    source: "services/inference/guard/guarded-engines.ts",
  },
  {
    row: "… more models are not offered to the mesh, for reasons like these",
    source: "services/inference/node/model-watch.ts",
  },
  {
    row: "Ollama cannot reach its library to pull … (…). …",
    source: "services/inference/engines/ollama/pull.ts",
  },
];

describe("docs/joining.md", () => {
  let rows: string[];
  let messages: string[];
  beforeAll(async () => {
    rows = await readRows();
    messages = await produce();
  }, 60_000);

  test("lists messages at all", () => {
    expect(rows.length).toBeGreaterThan(40);
  });

  test("lists every message that a provider can meet", () => {
    const patterns = rows.map(toPattern);
    expect(messages.filter((message) => !patterns.some((pattern) => pattern.test(message)))).toEqual([]);
  });

  test("lists no message that nobody can meet any more", () => {
    const unmet = rows.filter(
      (row) =>
        !madeElsewhere.some((one) => one.row === row) &&
        !messages.some((message) => toPattern(row).test(message)),
    );
    expect(unmet).toEqual([]);
  });

  test.each(madeElsewhere)("lists $row in the words of $source", async ({ row, source }) => {
    expect(rows).toContain(row);
    const text = await readFile(join(root, source), "utf8");
    const fragments = row.split("…").map((fragment) => fragment.trim());
    expect(fragments.filter((fragment) => !text.includes(fragment))).toEqual([]);
  });
});
