import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { root } from "../support/program.ts";

// The scripts that install before anything else runs, with a small project and an npm of the test's own.

let project: string;
beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), "cxmpute-install-"));
  await mkdir(join(project, "scripts"));
  for (const name of ["with-node.mjs", "hand-over.mjs", "install.mjs"])
    await cp(join(root, "scripts", name), join(project, "scripts", name));
  await writeFile(join(project, "npm-cli.js"), npm);
  await writeFile(join(project, "hello.mjs"), 'console.log("hello", ...process.argv.slice(2));');
  await lock({ zod: "1.0.0" });
});
afterEach(() => rm(project, { recursive: true }));

/** Writes what it was called with, takes its time, and leaves what npm leaves. */
const npm = `
  const { appendFileSync, copyFileSync, mkdirSync } = require("node:fs");
  appendFileSync("calls", process.argv.slice(2).join(" ") + "\\n");
  if (process.env.NPM_FAILS) { console.error("npm error no network"); process.exit(1); }
  setTimeout(() => {
    mkdirSync("node_modules", { recursive: true });
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

/** How often npm was asked to install. */
const installs = (): number => {
  const calls = join(project, "calls");
  return existsSync(calls) ? readFileSync(calls, "utf8").trim().split("\n").length : 0;
};

function start(environment: Record<string, string> = { npm_execpath: join(project, "npm-cli.js") }) {
  const child = spawn(process.execPath, ["scripts/with-node.mjs", "hello.mjs", "you"], {
    cwd: project,
    env: { ...environment },
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
    expect(first.stderr).toContain("Installing dependencies");
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

  test("does not miss packages of other platforms, nor those for development in production", async () => {
    await start().result;
    await lock(
      { zod: "1.0.0" },
      {
        "node_modules/node-elsewhere": { version: "24.0.0", optional: true },
        "node_modules/vitest": { version: "5.0.0", dev: true },
      },
    );
    expect(await start().result).toEqual(hello);
    expect(installs()).toBe(1);
  });

  test("of a published package, which has no lockfile, just runs", async () => {
    await rm(join(project, "package-lock.json"));
    expect(await start().result).toEqual(hello);
    expect(installs()).toBe(0);
  });

  test("that is started twice at the same time installs once", async () => {
    const environment = { npm_execpath: join(project, "npm-cli.js"), NPM_TAKES_MS: "500" };
    const both = await Promise.all([start(environment).result, start(environment).result]);
    for (const { code, stdout } of both) expect({ code, stdout }).toEqual({ code: 0, stdout: "hello you\n" });
    expect(installs()).toBe(1);
    expect(existsSync(join(project, ".cache", "installing"))).toBe(false);
  });

  test("does not wait for an installation whose process is gone", async () => {
    const gone = spawn(process.execPath, ["--version"], { stdio: "ignore" });
    await new Promise((resolve) => gone.on("close", resolve));
    await mkdir(join(project, ".cache"));
    await writeFile(join(project, ".cache", "installing"), `${gone.pid} ${gone.pid}`);
    expect(await start().result).toMatchObject({ code: 0 });
    expect(installs()).toBe(1);
  });

  test("does not run when the installation fails, and says so", async () => {
    const { result } = start({ npm_execpath: join(project, "npm-cli.js"), NPM_FAILS: "1" });
    const { code, stdout, stderr } = await result;
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("npm error no network");
    expect(stderr).toContain("The installation failed; npm's message above says why.");
    expect(existsSync(join(project, ".cache", "installing"))).toBe(false);
  });

  test("says that npm is missing", async () => {
    const { code, stderr } = await start({ PATH: project }).result;
    expect(code).toBe(1);
    expect(stderr).toContain("npm was not found");
  });

  test("that is interrupted while it installs ends npm and leaves nothing behind", async () => {
    const { child, result } = start({ npm_execpath: join(project, "npm-cli.js"), NPM_TAKES_MS: "600000" });
    // npm has begun once it has written down its call.
    while (installs() === 0) await new Promise((resolve) => setImmediate(resolve));
    child.kill("SIGTERM");
    expect((await result).code).toBe(1);
    expect(existsSync(join(project, ".cache", "installing"))).toBe(false);
  });
});
