import { execFileSync } from "node:child_process";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cxmpute, type Program, run } from "../support/program.ts";

let data: string;
let up: Program;
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), "cxmpute-up-"));
});
afterEach(async () => {
  await up?.stop("SIGKILL");
  await rm(data, { recursive: true });
});

const listen = ["--listen", "127.0.0.1:0"];
const slow = ["--engine", "synthetic", "--tokens-per-second", "5", "--answer-tokens", "10"];
const endless = ["--engine", "synthetic", "--tokens-per-second", "5", "--answer-tokens", "100000"];

/** Starts `cxmpute up`; resolves to what its screen says, once it is ready. */
async function start(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  up = cxmpute(["up", ...listen, "--data", data, ...args], environment);
  const [curl] = await up.output(/^curl .*$/);
  await up.output(/Ctrl-C stops the mesh/);
  const [, baseUrl = ""] = /Base URL {2}(\S+)/.exec(up.stdout()) ?? [];
  const [, apiKey = ""] = /API key {3}(\S+)/.exec(up.stdout()) ?? [];
  return { curl: curl!, baseUrl, apiKey };
}

/** Begins a streamed answer and waits for its first chunk. */
async function beginAnswer(baseUrl: string, apiKey: string) {
  const response = await fetch(`${baseUrl}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    body: JSON.stringify({
      model: "synthetic",
      stream: true,
      messages: [{ role: "user", content: "Go on." }],
    }),
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader.read()).value ?? "";
  return {
    /** The whole answer, as far as it comes. */
    async rest(): Promise<string> {
      for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
      return text;
    },
  };
}

const refused = (url: string) =>
  fetch(url).then(
    () => false,
    () => true,
  );

describe("cxmpute up", () => {
  test("serves the starter model; its curl line streams an answer when it is pasted", async () => {
    const { curl, baseUrl, apiKey } = await start([]);
    expect(apiKey).toMatch(/^sk-cx-[\w-]{32}$/);
    expect((await stat(join(data, "api-key"))).mode & 0o777).toBe(0o600);
    const answer = execFileSync("sh", ["-c", curl], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const events = answer.split("\n\n").filter((event) => event !== "");
    expect(events.at(-1)).toBe("data: [DONE]");
    const text = events
      .slice(0, -1)
      .map((event) => JSON.parse(event.slice("data: ".length)).choices[0]?.delta.content ?? "");
    expect(text.filter((piece) => piece !== "").length).toBeGreaterThan(5);
    expect(text.join("")).toContain("gRPC");

    expect(await up.stop("SIGINT")).toEqual({ code: 0, signal: null });
    expect(await refused(baseUrl)).toBe(true);
  });

  test.each(["json", "pretty"])("logs one line for a generation, with its node, as %s", async (format) => {
    const { baseUrl, apiKey } = await start(slow, { CXMPUTE_LOG_FORMAT: format });
    const answer = await beginAnswer(baseUrl, apiKey);
    await answer.rest();
    await up.stop("SIGTERM");
    const lines = up
      .stderr()
      .split("\n")
      .filter((line) => line.includes("generation finished"));
    expect(lines).toHaveLength(1);
    for (const part of ["translator", "local", "chat", "synthetic"]) expect(lines[0]).toContain(part);
  });

  test("keeps the key that it made, and takes one that is given", async () => {
    const first = await start(slow);
    await up.stop("SIGTERM");
    expect((await start(slow)).apiKey).toBe(first.apiKey);
    await up.stop("SIGTERM");
    expect((await start(slow, { CXMPUTE_API_KEY: "sk-my-own" })).apiKey).toBe("sk-my-own");
  });

  test.each(["SIGINT", "SIGTERM"] as const)(
    "lets an open answer finish after %s, and ends with 0",
    async (signal) => {
      const { baseUrl, apiKey } = await start(slow);
      const answer = await beginAnswer(baseUrl, apiKey);
      up.child.kill(signal);
      await up.logged(({ msg }) => msg.startsWith(`${signal}: stopping`));
      expect(await answer.rest()).toContain("data: [DONE]");
      expect(await up.ended).toEqual({ code: 0, signal: null });
    },
  );

  test("ends an answer that outlasts the grace with an error, never as if it were whole", async () => {
    const { baseUrl, apiKey } = await start([...endless, "--grace", "0.2"]);
    const answer = await beginAnswer(baseUrl, apiKey);
    up.child.kill("SIGTERM");
    const text = await answer.rest();
    expect(text).toContain('{"error":');
    expect(text).not.toContain("[DONE]");
    expect(await up.ended).toEqual({ code: 0, signal: null });
  });

  test("ends at once after a second signal", async () => {
    const { baseUrl, apiKey } = await start(endless);
    const answer = await beginAnswer(baseUrl, apiKey);
    up.child.kill("SIGINT");
    const { time } = await up.logged(({ msg }) => msg.startsWith("SIGINT: stopping"));
    // A second signal right after the first would be taken for the same press of Ctrl-C.
    while (Date.now() - Date.parse(time) <= 250) await fetch(`${baseUrl}/models`).catch(() => {});
    up.child.kill("SIGINT");
    expect(await up.ended).toEqual({ code: 130, signal: null });
    expect(await answer.rest()).toContain("The service is shutting down.");
  });

  test("passes Ctrl-C and exit codes through the script that finds the right Node", async () => {
    up = run(["scripts/with-node.mjs", "services/main.ts", "up", ...listen, "--data", data, ...slow], {
      CXMPUTE_LOG_FORMAT: "json",
    });
    await up.output(/Ctrl-C stops the mesh/);
    expect(await up.stop("SIGINT")).toEqual({ code: 0, signal: null });
    const failed = run(["scripts/with-node.mjs", "services/main.ts", "uup"]);
    expect(await failed.ended).toEqual({ code: 2, signal: null });
  });
});
