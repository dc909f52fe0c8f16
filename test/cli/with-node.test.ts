import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { nodePackage } from "../../scripts/hand-over.mjs";
import { root } from "../support/program.ts";

// The scripts that install before anything else runs, with a small project and an npm of the test's own.

let project: string;
beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), "cxmpute-install-"));
  await mkdir(join(project, "scripts"));
  for (const name of ["with-node.mjs", "hand-over.mjs", "install.mjs", "watch-installation.mjs"])
    await cp(join(root, "scripts", name), join(project, "scripts", name));
  await writeFile(join(project, "npm-cli.js"), npm);
  await writeFile(join(project, "hello.mjs"), 'console.log("hello", ...process.argv.slice(2));');
  await lock({ zod: "1.0.0" });
});
afterEach(() => rm(project, { recursive: true }));

/** Writes what it was called with, takes its time, and leaves what npm leaves. */
const npm = `
  const { appendFileSync, copyFileSync, mkdirSync, symlinkSync } = require("node:fs");
  appendFileSync("calls", process.argv.slice(2).join(" ") + "\\n");
  if (process.env.NPM_FAILS) { console.error("npm error no network"); process.exit(1); }
  console.error("npm warn EBADENGINE Unsupported engine");
  setTimeout(() => {
    mkdirSync("node_modules/${nodePackage}/bin", { recursive: true });
    if (process.env.NPM_BRINGS_NODE) symlinkSync(process.execPath, "node_modules/${nodePackage}/bin/node");
    copyFileSync("package-lock.json", "node_modules/.package-lock.json");
  }, Number(process.env.NPM_TAKES_MS ?? 0));
`;

const toLock = (versions: Record<string, string>, more: object = {}) =>
  JSON.stringify({
    packages: {
      "": { name: "project" },
      ...Object.fromEntries(
        Object.entries(versions).map(([name, version]) => [`node_modules/${name}`, { version }]),
      ),
      ...more,
    },
  });

const lock = (versions: Record<string, string>, more: object = {}) =>
  writeFile(join(project, "package-lock.json"), toLock(versions, more));

/** Leaves what `npm ci` leaves in a project's folder when these packages are all that it installed. */
async function installed(versions: Record<string, string>, more: object = {}): Promise<void> {
  await mkdir(join(project, "node_modules"), { recursive: true });
  await writeFile(join(project, "node_modules", ".package-lock.json"), toLock(versions, more));
}

/** How often npm was asked to install. */
const installs = (folder = project): number => {
  const calls = join(folder, "calls");
  return existsSync(calls) ? readFileSync(calls, "utf8").trim().split("\n").length : 0;
};

function start(environment: Record<string, string> = {}, script = "hello.mjs") {
  const child = spawn(process.execPath, ["scripts/with-node.mjs", script, "you"], {
    cwd: project,
    env: { npm_execpath: join(project, "npm-cli.js"), ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const code = new Promise<number | null>((resolve) => child.on("close", resolve));
  const result = Promise.all([code, text(child.stdout), text(child.stderr)]);
  return { child, result: result.then(([code, stdout, stderr]) => ({ code, stdout, stderr })) };
}

const hello = { code: 0, stdout: "hello you\n", stderr: "" };

describe("a script", () => {
  test("runs after what the lockfile asks for is installed, and again without installing", async () => {
    const first = await start().result;
    expect(first).toMatchObject({ code: 0, stdout: "hello you\n" });
    expect(first.stderr).toBe("Installing dependencies...\n");
    expect(readFileSync(join(project, "calls"), "utf8")).toMatch(/^ci /);
    expect(await start().result).toEqual(hello);
    expect(installs()).toBe(1);
  });

  test("installs again when the lockfile has changed", async () => {
    await start().result;
    await lock({ zod: "1.0.1" });
    await start().result;
    expect(installs()).toBe(2);
    await lock({ zod: "1.0.1", yaml: "1.0.0" });
    await start().result;
    expect(installs()).toBe(3);
  });

  test("installs again what an interrupted installation has left", async () => {
    await mkdir(join(project, "node_modules", "zod"), { recursive: true });
    await start().result;
    expect(installs()).toBe(1);
  });

  test("does not miss packages of other platforms", async () => {
    await lock({ zod: "1.0.0" }, { "node_modules/elsewhere": { version: "24.0.0", optional: true } });
    await installed({ zod: "1.0.0" });
    expect(await start().result).toEqual(hello);
    expect(installs()).toBe(0);
  });

  test("that is started twice at the same time installs once", async () => {
    const environment = { NPM_TAKES_MS: "500" };
    const both = await Promise.all([start(environment).result, start(environment).result]);
    for (const { code, stdout } of both) expect({ code, stdout }).toEqual({ code: 0, stdout: "hello you\n" });
    expect(installs()).toBe(1);
    expect(existsSync(join(project, ".cache", "installing"))).toBe(false);
  });

  test("does not wait for an installation whose process is gone", async () => {
    const gone = spawn(process.execPath, ["--version"], { stdio: "ignore" });
    await new Promise((resolve) => gone.on("close", resolve));
    await mkdir(join(project, ".cache"));
    await writeFile(join(project, ".cache", "installing"), `${gone.pid}`);
    expect(await start().result).toMatchObject({ code: 0 });
    expect(installs()).toBe(1);
  });

  test("does not run when the installation fails, and says so", async () => {
    const { code, stdout, stderr } = await start({ NPM_FAILS: "1" }).result;
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("npm error no network");
    expect(stderr).toContain("The installation failed; npm's message above says why.");
    expect(existsSync(join(project, ".cache", "installing"))).toBe(false);
  });

  test("says that npm is missing", async () => {
    const { code, stderr } = await start({ PATH: project, npm_execpath: "" }).result;
    expect(code).toBe(1);
    expect(stderr).toContain("npm was not found");
  });

  test("that is interrupted while it installs ends npm and leaves nothing behind", async () => {
    const { child, result } = start({ NPM_TAKES_MS: "600000" });
    // npm has begun once it has written down its call.
    while (installs() === 0) await new Promise((resolve) => setImmediate(resolve));
    child.kill("SIGTERM");
    expect((await result).code).toBe(1);
    expect(existsSync(join(project, ".cache", "installing"))).toBe(false);
  });
});

describe("a production tree", () => {
  const development = {
    "node_modules/vitest": { version: "5.0.0", dev: true },
    "node_modules/typescript": { version: "7.0.0", devOptional: true },
    "node_modules/engine": { version: "1.0.0", optional: true },
  };

  test("is left as it is", async () => {
    await lock({ zod: "1.0.0" }, development);
    await installed({ zod: "1.0.0" });
    expect(await start().result).toEqual(hello);
    expect(installs()).toBe(0);
  });

  test.each([
    { installedNow: { zod: "0.9.0" }, because: "another version is there" },
    { installedNow: { yaml: "1.0.0" }, because: "a package is missing" },
  ])("is never installed over: when $because it says how to install it", async ({ installedNow }) => {
    await lock({ zod: "1.0.0" }, development);
    await installed(installedNow);
    const { code, stdout, stderr } = await start().result;
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("Run `npm ci --omit=dev`");
    expect(installs()).toBe(0);
  });

  test("says what installs a program that only development has", async () => {
    await lock({ zod: "1.0.0" }, development);
    await installed({ zod: "1.0.0" });
    const { code, stderr } = await start({}, "node_modules/vitest/vitest.mjs").result;
    expect(code).toBe(1);
    expect(stderr).toContain("only `npm ci` installs what development needs");
  });
});

describe("on an older Node", () => {
  const nodeFolder = () => join(project, "scripts", "node24");

  beforeEach(async () => {
    const handOver = join(project, "scripts", "hand-over.mjs");
    const source = await readFile(handOver, "utf8");
    expect(source).toContain(">= 24");
    await writeFile(handOver, source.replace(">= 24", ">= 1000"));
    await mkdir(nodeFolder());
    await bring({ [nodePackage]: "24.0.0" });
    await installed({ zod: "1.0.0" });
  });

  async function bring(optionalDependencies: Record<string, string>): Promise<void> {
    await writeFile(join(nodeFolder(), "package.json"), JSON.stringify({ optionalDependencies }));
    await writeFile(join(nodeFolder(), "package-lock.json"), toLock({ [nodePackage]: "24.0.0" }));
  }

  test("a script runs on the Node that npm brings, which is installed once", async () => {
    const { code, stdout, stderr } = await start({ NPM_BRINGS_NODE: "1" }).result;
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: "hello you\n",
      stderr: "Installing Node 24...\n",
    });
    expect(await start().result).toEqual(hello);
    expect([installs(), installs(nodeFolder())]).toEqual([0, 1]);
  });

  test("says what to do when npm could not get it", async () => {
    const { code, stderr } = await start().result;
    expect(code).toBe(1);
    expect(stderr).toContain("npm could not get Node 24. Check the network");
  });

  test("says at once that npm has none for this platform", async () => {
    await bring({ "node-plan9-mips": "24.0.0" });
    const { code, stderr } = await start().result;
    expect(code).toBe(1);
    expect(stderr).toContain("Install Node 24 from https://nodejs.org");
    expect(installs(nodeFolder())).toBe(0);
  });
});
