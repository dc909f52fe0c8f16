import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ScriptedServer, scripts, startScripted } from "../support/inference/discover.ts";
import { freeAddress } from "../support/mesh.ts";
import { cxmpute, type Program } from "../support/program.ts";

let folder: string;
let registry: string;
let router: string;
let server: ScriptedServer;
const programs: Program[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cxmpute-doctor-"));
  server = await startScripted(scripts.ollama);
  registry = await freeAddress();
  router = await freeAddress();
  programs.push(
    cxmpute(["registry", "--listen", registry]),
    cxmpute(["router", "--listen", router, "--registry", registry]),
  );
  await Promise.all(programs.map((program) => program.output(/listening/)));
});
afterAll(async () => {
  await Promise.all(programs.map((program) => program.stop("SIGKILL")));
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Runs the doctor to its end, without log settings, which it does not have. */
async function examine(...args: string[]) {
  const program = cxmpute(["doctor", "--data", join(folder, "data"), ...args], {
    OLLAMA_HOST: server.url,
  });
  const { code } = await program.ended;
  return { code, stdout: program.stdout(), stderr: program.stderr() };
}

test("a machine that can serve is told so, with a line for each check", async () => {
  const { code, stdout } = await examine("--registry", registry, "--router", router);
  expect(code).toBe(0);
  for (const name of ["cxmpute", "Node.js", "Processor", "Memory", "GPU", "Data folder", "Disk", "Identity"])
    expect(stdout).toMatch(new RegExp(`^(ok|warning) +${name} `, "m"));
  expect(stdout).toMatch(
    new RegExp(`^ok +Engine +Ollama 0\\.12\\.6 at ${server.url} has llama3\\.1:8b`, "m"),
  );
  expect(stdout).toMatch(new RegExp(`^ok +Registry +${registry} answers in \\d+ ms`, "m"));
  expect(stdout).toMatch(/^ok +Protocol +registry and node both speak version 1/m);
  expect(stdout).toMatch(/^ok +Clock +differs from the registry's by 0\.\d s/m);
  expect(stdout).toMatch(new RegExp(`^ok +Router +${router} answers and takes requests`, "m"));
});

test("each fault comes with what to do, and the exit code tells", async () => {
  const nobody = await freeAddress();
  const { code, stdout } = await examine(
    "--registry",
    nobody,
    "--router",
    "no-such-host.invalid:1",
    "--json",
  );
  expect(code).toBe(1);
  const findings = JSON.parse(stdout) as { name: string; status: string; says: string; cure?: string }[];
  expect(findings.filter(({ status }) => status === "fault")).toMatchObject([
    { name: "Registry", says: `nothing listens at ${nobody}`, cure: expect.stringContaining("--registry") },
    {
      name: "Router",
      says: expect.stringContaining("no host named no-such-host.invalid"),
      cure: expect.stringContaining("--router"),
    },
  ]);
});

test("what answers and is another service is told", async () => {
  const { code, stdout } = await examine("--registry", router, "--router", registry, "--json");
  expect(code).toBe(1);
  expect(JSON.parse(stdout).filter(({ status }: { status: string }) => status === "fault")).toMatchObject([
    { name: "Registry", says: expect.stringContaining("is not a registry of this version") },
    { name: "Router", says: expect.stringContaining("is not a router of this version") },
  ]);
});

test("an engine that is named is looked at too", async () => {
  const page = await startScripted(scripts.webPage);
  try {
    const { code, stdout } = await examine("--registry", registry, "--router", router, "--url", page.url);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^fault +Engine +what answers at /m);
  } finally {
    await page.close();
  }
});
