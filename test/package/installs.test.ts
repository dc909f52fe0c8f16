import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { freeAddress, testAccount, untilReady } from "../support/mesh.ts";
import { type Program, root, run } from "../support/program.ts";

// The three ways to install what is shipped, each into an empty folder and with one question: the package that is
// published, and what a checkout installs for production with the embedded engine and without it.

const { name, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** Runs a program on the Node that runs the test; rejects, with what it printed, when it fails. */
const execute = (command: string, args: readonly string[], cwd = folder) =>
  promisify(execFile)(command, args, {
    cwd,
    env: { ...process.env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) },
    maxBuffer: 1e8,
  });

/** Runs npm with what it warns of, even where it runs this test itself and was asked to be quiet. */
const npm = (args: readonly string[], cwd?: string) => execute("npm", [...args, "--loglevel=notice"], cwd);

const isOffline = await npm(["view", "zod", "version", "--prefer-online", "--fetch-retries=0"], root).then(
  () => false,
  () => true,
);
if (isOffline) process.stderr.write("test/package is skipped: npm's registry cannot be reached.\n");

const account = { CXMPUTE_API_KEY: testAccount.apiKey, CXMPUTE_USER_ID: testAccount.userId };

// npm unpacks some ten thousand files, which takes long beside other tests on a slow disk.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cxmpute-package-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.skipIf(isOffline)("the published package", () => {
  const tarball = () => join(folder, `${name}-${version}.tgz`);
  const global = () => join(folder, "global");
  let warnings: string;

  beforeAll(async () => {
    await npm(["pack", "--pack-destination", folder], root);
    warnings = (await npm(["install", "--global", "--prefix", global(), tarball()])).stderr;
  });

  test("holds what runs, its types, protos, models and documentation, and nothing else of ours", async () => {
    const { stdout } = await execute("tar", ["-tzf", tarball()]);
    const files = stdout
      .trim()
      .split("\n")
      .map((path) => path.replace("package/", ""));
    const own = files.filter((path) => !path.startsWith("node_modules/"));
    expect(own).toEqual(
      expect.arrayContaining([
        "dist/bin/cxmpute.js",
        "dist/services/main.d.ts",
        "docs/architecture.md",
        "LICENSE",
        "models/starter.gguf",
        "proto/cxmpute/router/v1/router.proto",
        "README.md",
      ]),
    );
    const other = own.filter(
      (path) =>
        !/^(docs|models|proto)\/|^(LICENSE|README\.md|package\.json)$/.test(path) &&
        !/^dist\/(bin|core|gen|services)\/.*(?<!\.test)\.(js|d\.ts)$/.test(path),
    );
    expect(other).toEqual([]);
  });

  test("installs without a warning in at most 150 MB, and answers a chat", async () => {
    expect(warnings).toBe("");
    expect(await megabytes(global())).toBeLessThanOrEqual(150);
    const command = join(global(), "bin", "cxmpute");
    expect((await execute(command, ["--version"])).stdout).toBe(`cxmpute ${version}\n`);
    await expectAnswerFromUp([command]);
  });

  test("has types that a program can be checked against", async () => {
    const services = ["inference", "registry", "router", "translator"].map((service) =>
      join(global(), "lib", "node_modules", name, "dist", "services", service, "index.d.ts"),
    );
    const types = ["--types", "node", "--typeRoots", join(root, "node_modules", "@types")];
    const flags = ["--noEmit", "--strict", "--target", "es2024", "--module", "nodenext", ...types];
    const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
    await execute(process.execPath, [compiler, ...flags, ...services]);
  });
});

describe.skipIf(isOffline)("a production tree", () => {
  test("with the embedded engine weighs at most 150 MB, starts as it is, and answers a chat", async () => {
    const tree = await installTree("with-engine", ["--omit=dev"]);
    expect(await megabytes(join(tree, "node_modules"))).toBeLessThanOrEqual(150);
    await expectAnswerFromUp([join(tree, "scripts", "with-node.mjs"), "services/main.ts"]);
  });

  test("without it weighs at most 60 MB, and its services answer from a node that needs none", async () => {
    const tree = await installTree("without-engine", ["--omit=dev", "--omit=optional"]);
    expect(await megabytes(join(tree, "node_modules"))).toBeLessThanOrEqual(60);
    const [registry, router, translator] = [await freeAddress(), await freeAddress(), await freeAddress()];
    // A node keeps its data folder to itself.
    let started = 0;
    const start = (...args: string[]) =>
      run(
        [
          join(tree, "scripts", "with-node.mjs"),
          "services/main.ts",
          ...args,
          "--data",
          join(folder, `service-${started++}`),
        ],
        { CXMPUTE_API_KEY: testAccount.apiKey, CXMPUTE_USER_ID: testAccount.userId },
      );
    const toMesh = ["--registry", registry, "--router", router];
    const programs = new Map<string, Program>([
      ["registry", start("registry", "--listen", registry)],
      ["router", start("router", "--listen", router, "--registry", registry)],
      ["translator", start("translator", "--listen", translator, "--router", router)],
      ["node", start("join", ...toMesh, "--engine", "synthetic")],
    ]);
    await untilReady(`http://${translator}`, programs);
    await expectAnswer(`http://${translator}/v1`, "synthetic");

    const withoutEngine = start("join", ...toMesh, "--engine", "llama-cpp");
    expect(await withoutEngine.ended).toMatchObject({ code: 1 });
    expect(withoutEngine.stderr()).toContain("Install cxmpute-mesh again without `--omit=optional`");
    await Promise.all([...programs.values()].map((program) => program.stop()));
  });

  /** Copies what a checkout holds into an empty folder, and installs there. */
  async function installTree(name: string, flags: readonly string[]): Promise<string> {
    const tree = join(folder, name);
    const isLeftOut = (path: string) =>
      ["node_modules", ".git", ".cache", ".data", "dist"].includes(basename(path));
    await cp(root, tree, { recursive: true, filter: (path) => path === root || !isLeftOut(path) });
    const { stderr } = await npm(["ci", ...flags], tree);
    expect(stderr).toBe("");
    return tree;
  }
});

/** Starts a mesh with `up` and asks it; what it is started from must not be installed again. */
async function expectAnswerFromUp(command: readonly string[]): Promise<void> {
  const up = run([...command, "up", "--listen", "127.0.0.1:0", "--data", join(folder, "up")], account);
  await up.output(/Ctrl-C stops the mesh/);
  const [, baseUrl = ""] = /Base URL {2}(\S+)/.exec(up.stdout()) ?? [];
  await expectAnswer(baseUrl, "starter");
  expect(up.stderr()).not.toContain("Installing");
  expect(await up.stop()).toEqual({ code: 0, signal: null });
}

async function expectAnswer(baseUrl: string, model: string): Promise<void> {
  const response = await fetch(`${baseUrl}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${testAccount.apiKey}`, "content-type": "application/json" },
    body: JSON.stringify({ model, max_tokens: 16, messages: [{ role: "user", content: "What is gRPC?" }] }),
  });
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({
    choices: [{ message: { content: expect.stringMatching(/\w/) } }],
  });
}

/** What a folder takes on disk. */
async function megabytes(path: string): Promise<number> {
  const { stdout } = await execute("du", ["-sm", path]);
  return Number.parseInt(stdout, 10);
}
