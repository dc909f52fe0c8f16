import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { z } from "zod";
import type { Environment } from "./environment.ts";
import { ConfigError } from "./faults.ts";
import { hostPort } from "./host-port.ts";
import { loadConfig } from "./load.ts";
import { defineSettings } from "./settings.ts";

const router = defineSettings(
  "router",
  {
    listen: {
      schema: hostPort,
      default: "127.0.0.1:50052",
      placeholder: "HOST:PORT",
      help: "Where to listen.",
    },
    peers: { schema: z.array(hostPort), default: [], name: "peer", help: "Who else there is." },
    logLevel: { schema: z.enum(["info", "debug"]), default: "info", help: "How much to tell." },
    slots: { schema: z.int().min(1).max(64).optional(), help: "How many at a time." },
    rate: { schema: z.number().positive().optional(), help: "How fast." },
    json: { schema: z.boolean(), default: false, help: "As JSON." },
    key: {
      schema: z.string().min(8).describe("at least 8 characters").optional(),
      secret: true,
      help: "Key.",
    },
  },
  ({ slots, rate }, report) => {
    if (slots !== undefined && rate !== undefined && rate < slots)
      report("rate", "expected at least one per slot");
  },
);
const registry = defineSettings("registry", {
  ttlMs: { schema: z.int().positive(), default: 5000, help: "How long a lease lives." },
});

const folder = mkdtempSync(join(tmpdir(), "config-"));
const file = join(folder, "mesh.yaml");
afterAll(() => rmSync(folder, { recursive: true }));

function load(from: { file?: string; environment?: Environment; args?: string[]; words?: string[] } = {}) {
  if (from.file !== undefined) writeFileSync(file, from.file);
  const args = [...(from.file === undefined ? [] : ["--config", file]), ...(from.args ?? [])];
  const { environment = {}, words = [] } = from;
  return loadConfig({ settings: router, services: [router, registry], args, environment, words });
}

/** The faults as people read them, with the file's folder left out. */
function faultsOf(from: Parameters<typeof load>[0]): string[] {
  try {
    load(from);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).faults.map(({ where, message }) =>
      `${where}: ${message}`.replace(`${folder}/`, ""),
    );
  }
  throw new Error("It should have failed.");
}

describe("the configuration", () => {
  test("has its defaults when nobody speaks", () => {
    const { values, origins } = load();
    expect(values).toEqual({
      listen: "127.0.0.1:50052",
      peers: [],
      logLevel: "info",
      slots: undefined,
      rate: undefined,
      json: false,
      key: undefined,
    });
    expect(origins.listen).toBe("default");
  });

  test("takes a flag before the environment before the file, and knows who spoke", () => {
    const { values, origins } = load({
      file: "router:\n  listen: a:1\n  slots: 1\n  rate: 9.5\n",
      environment: { CXMPUTE_LISTEN: "b:2", CXMPUTE_SLOTS: "2" },
      args: ["--listen", "c:3"],
    });
    expect(values).toMatchObject({ listen: "c:3", slots: 2, rate: 9.5 });
    expect(origins).toMatchObject({
      listen: "--listen",
      slots: "CXMPUTE_SLOTS",
      rate: `${file}:4 router.rate`,
      logLevel: "default",
    });
  });

  test("finds its file by the environment too", () => {
    writeFileSync(file, "router: {slots: 3}");
    const { values } = loadConfig({ settings: router, args: [], environment: { CXMPUTE_CONFIG: file } });
    expect(values.slots).toBe(3);
  });

  test("reads lists from repeated flags, from commas and from YAML", () => {
    expect(load({ args: ["--peer", "a:1", "--peer=b:2"] }).values.peers).toEqual(["a:1", "b:2"]);
    expect(load({ environment: { CXMPUTE_PEER: "a:1, b:2" } }).values.peers).toEqual(["a:1", "b:2"]);
    expect(load({ file: "router: {peer: [a:1, b:2]}" }).values.peers).toEqual(["a:1", "b:2"]);
    expect(load({ file: "router:\n  peer: a:1" }).values.peers).toEqual(["a:1"]);
  });

  test("reads switches with and without a value", () => {
    expect(load({ args: ["--json"] }).values.json).toBe(true);
    expect(load({ args: ["--json=false"] }).values.json).toBe(false);
    expect(load({ environment: { CXMPUTE_JSON: "true" } }).values.json).toBe(true);
  });

  test("takes an empty variable for one that is not set, and an empty file for silence", () => {
    expect(load({ environment: { CXMPUTE_LISTEN: "" }, file: "router:\nregistry:\n" }).values.listen).toBe(
      "127.0.0.1:50052",
    );
  });

  test("takes words beside the flags where they mean something, and everything after --", () => {
    expect(load({ args: ["hello", "--json"], words: ["MESSAGE"] }).words).toEqual(["hello"]);
    expect(load({ args: ["--", "--json"], words: ["MESSAGE"] })).toMatchObject({
      words: ["--json"],
      values: { json: false },
    });
  });

  test("leaves the variables alone that Kubernetes makes for a Service", () => {
    const environment = {
      CXMPUTE_ROUTER_SERVICE_HOST: "10.0.0.1",
      CXMPUTE_ROUTER_SERVICE_PORT_GRPC: "50052",
      CXMPUTE_ROUTER_PORT: "tcp://10.0.0.1:50052",
      CXMPUTE_ROUTER_PORT_50052_TCP_ADDR: "10.0.0.1",
    };
    expect(() => load({ environment })).not.toThrow();
  });
});

describe("a fault", () => {
  test.each<{ from: Parameters<typeof load>[0]; says: string }>([
    { from: { args: ["--lissen", "a:1"] }, says: '--lissen: unknown flag; did you mean "--listen"?' },
    { from: { args: ["--wibble"] }, says: "--wibble: unknown flag; --help lists the flags" },
    { from: { args: ["-l", "a:1"] }, says: "-l: unknown flag; --help lists the flags" },
    { from: { args: ["--listen"] }, says: "--listen: needs a value" },
    { from: { args: ["--listen", "--json"] }, says: "--listen: needs a value" },
    { from: { args: ["--slots", "1", "--slots", "2"] }, says: "--slots: given more than once; give it once" },
    { from: { args: ["hello"] }, says: "hello: not expected here; flags start with --" },
    {
      from: { args: ["--listen", "8080"] },
      says: '--listen: expected HOST:PORT, such as 127.0.0.1:8080, got "8080"',
    },
    {
      from: { args: ["--slots", "0x10"] },
      says: '--slots: expected a whole number from 1 to 64, got "0x10"',
    },
    { from: { args: ["--slots", ""] }, says: '--slots: expected a whole number from 1 to 64, got ""' },
    { from: { args: ["--slots", "1.5"] }, says: "--slots: expected a whole number from 1 to 64, got 1.5" },
    { from: { args: ["--rate=0"] }, says: "--rate: expected a number above 0, got 0" },
    { from: { args: ["--json=yes"] }, says: '--json: expected true or false, got "yes"' },
    {
      from: { args: ["--log-level", "debgu"] },
      says: '--log-level: expected one of info, debug, got "debgu"; did you mean "debug"?',
    },
    { from: { args: ["--key", "secret"] }, says: "--key: expected at least 8 characters, got ***" },
    {
      from: { environment: { CXMPUTE_PEER: "a:1,b" } },
      says: 'CXMPUTE_PEER: expected HOST:PORT, such as 127.0.0.1:8080, got "b"',
    },
    {
      from: { environment: { CXMPUTE_LISTNE: "a:1" } },
      says: 'CXMPUTE_LISTNE: unknown variable; did you mean "CXMPUTE_LISTEN"?',
    },
    {
      from: { file: "router:\n  lissen: a:1\n" },
      says: 'mesh.yaml:2 router.lissen: unknown setting; did you mean "listen"?',
    },
    {
      from: { file: "rooter:\n  listen: a:1\n" },
      says: 'mesh.yaml:1 rooter: unknown section; did you mean "router"?',
    },
    {
      from: { file: "registry:\n  ttl-ms: soon\n" },
      says: 'mesh.yaml:2 registry.ttl-ms: expected a whole number above 0, got "soon"',
    },
    {
      from: { file: "router:\n  key: 123456789\n" },
      says: "mesh.yaml:2 router.key: expected at least 8 characters, got ***; put quotes around it",
    },
    {
      from: { file: "router: 5\n" },
      says: "mesh.yaml:1 router: expected names with values, such as `listen: 127.0.0.1:8080`",
    },
    { from: { args: ["--config", "/no/such.yaml"] }, says: "/no/such.yaml: there is no such file" },
    {
      from: { args: ["--slots", "4", "--rate", "2"] },
      says: "--rate: expected at least one per slot",
    },
  ])("is told: $says", ({ from, says }) => {
    expect(faultsOf(from)).toEqual([says]);
  });

  test("in the form of a file names the line", () => {
    expect(faultsOf({ file: "router:\n  listen: a:1\n  listen: b:2\n" })[0]).toMatch(
      /^mesh\.yaml:3: this is not valid YAML: Map keys must be unique/,
    );
  });

  test("does not hide the others: all are told at once, also what is overruled", () => {
    expect(
      faultsOf({
        file: "router:\n  slots: 100\n",
        environment: { CXMPUTE_SLOTS: "many" },
        args: ["--slots", "8", "--lissen", "a:1", "--json=1"],
      }),
    ).toEqual([
      "mesh.yaml:2 router.slots: expected a whole number from 1 to 64, got 100",
      'CXMPUTE_SLOTS: expected a whole number from 1 to 64, got "many"',
      '--lissen: unknown flag; did you mean "--listen"?',
      '--json: expected true or false, got "1"',
    ]);
  });

  test("of a setting that must be given says all the ways to give it", () => {
    const settings = defineSettings("chat", {
      model: { schema: z.string().describe("a model's name"), help: "Model." },
    });
    expect(() => loadConfig({ settings, args: [], environment: {} })).toThrow(
      "--model: required: a model's name; or set CXMPUTE_MODEL, or model in the section chat of a configuration file",
    );
    expect(() => loadConfig({ settings, args: ["--model"], environment: {} })).toThrow(
      /^--model: needs a value$/,
    );
  });
});
