import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { freeAddress, untilReady } from "../support/mesh.ts";
import { cxmpute, type Program, root, run } from "../support/program.ts";
import { sharedMesh } from "../support/shared-mesh.ts";

const readme = await readFile(join(root, "README.md"), "utf8");

/** The code of the block that follows a heading, in a language. */
function block(heading: string, language: string): string {
  const section = readme.split(/^## /m).find((part) => part.startsWith(heading));
  const code = section?.match(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``))?.[1];
  if (code === undefined) throw new Error(`README.md has no ${language} block under "${heading}".`);
  return code;
}

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

test("the application of the README streams an answer", async () => {
  const mesh = await sharedMesh("in one process");
  const source = block("Use it from an application", "ts").replace("http://127.0.0.1:8080", mesh.url);
  const file = join(root, ".cache", `readme-${process.pid}.ts`);
  await writeFile(file, source);
  cleanups.push(() => rm(file));
  const program = run([file], { CXMPUTE_API_KEY: mesh.apiKey });
  expect(await program.ended).toEqual({ code: 0, signal: null });
  expect(program.stdout().length).toBeGreaterThan(20);
});

test("the services of the README, run apart, serve the starter model", async () => {
  const data = await mkdtemp(join(tmpdir(), "cxmpute-readme-"));
  cleanups.push(() => rm(data, { recursive: true, force: true }));
  const addresses = new Map<string, string>();
  for (const port of ["50051", "50052", "8080"]) addresses.set(`127.0.0.1:${port}`, await freeAddress());
  const commands = block("Run the services apart", "sh")
    .trim()
    .split("\n")
    .map((line) => line.replace(/127\.0\.0\.1:\d+/g, (address) => addresses.get(address) ?? address));
  expect(commands.length).toBe(4);
  const programs = new Map<string, Program>();
  for (const [index, command] of commands.entries()) {
    const args = command.replace(/^npm run -s cxmpute -- /, "").split(/\s+/);
    const program = cxmpute([...args, "--data", join(data, String(index))], {
      CXMPUTE_API_KEY: "sk-cx-readme-test-key-0123456789",
    });
    programs.set(args[0] ?? "", program);
    cleanups.push(() => program.stop("SIGKILL"));
  }
  const url = `http://${addresses.get("127.0.0.1:8080")}`;
  await untilReady(url, programs);
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: "Bearer sk-cx-readme-test-key-0123456789", "content-type": "application/json" },
    body: JSON.stringify({ model: "starter", messages: [{ role: "user", content: "Hello" }] }),
  });
  expect(response.status).toBe(200);
});
