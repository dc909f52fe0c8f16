import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { loadConfig } from "../../../core/config/load.ts";
import { packageFolder } from "../../../core/package-folder.ts";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import { type Script, scripts, startScripted } from "../../../test/support/inference/discover.ts";
import { answerLimitMs } from "../../inference/servers/ask.ts";
import { signPaths } from "../../inference/servers/recognise.ts";
import { starterModel } from "../places.ts";
import { joinSettings } from "../settings/node.ts";
import { findOffer } from "./find-offer.ts";
import { hints, onlySilent } from "./hints.ts";
import { agreeToStarter } from "./terminal.ts";

const modelsFolder = join(packageFolder, "models");

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

/** What `cxmpute join ARGS` offers on a machine where servers with these scripts run. */
async function offer(args: readonly string[], running: readonly Script[] = [], around: object = {}) {
  const servers = await Promise.all(running.map((script) => startScripted(script)));
  open.push(...servers);
  const { values } = loadConfig({ settings: joinSettings, args, environment: {} });
  const { signal } = new AbortController();
  const places = servers.map(({ url }) => url);
  const found = await findOffer(values, {
    signal,
    environment: {},
    availableBytes: 2 ** 34,
    places,
    ...around,
  });
  return { ...found, urls: places };
}

describe("without an engine named", () => {
  test("what runs is offered, each by the engine that speaks to it", async () => {
    const { sources, searched, urls } = await offer([], [scripts.ollama, scripts.vllm]);
    expect(searched).toBe(true);
    expect(sources).toMatchObject([
      { title: "Ollama 0.12.6", place: `at ${urls[0]}`, spec: { engine: "ollama", url: urls[0] } },
      { title: "vLLM 0.11.0", place: `at ${urls[1]}`, spec: { engine: "openai", url: `${urls[1]}/v1` } },
    ]);
  });

  test("nothing that runs means the starter model", async () => {
    const { sources, starter } = await offer([], [scripts.webPage]);
    expect(starter).toBe(true);
    expect(sources).toMatchObject([{ spec: { engine: "llama-cpp", model: starterModel } }]);
  });

  test("a mesh does not join itself, and servers with a key or without a model are told", async () => {
    const empty = { ...scripts.ollama, "/api/tags": { json: { models: [] } } };
    const { starter, leftOut, urls } = await offer([], [empty, scripts.mesh, scripts.locked]);
    expect(starter).toBe(true);
    expect(leftOut).toEqual([
      hints.emptyServer("Ollama", urls[0]!, "ollama"),
      hints.mesh(urls[1]!),
      hints.locked(urls[2]!),
    ]);
  });

  test("--only leaves the other models and servers out", async () => {
    const { sources } = await offer(["--only", "my-tune"], [scripts.ollama, scripts.vllm]);
    expect(sources).toMatchObject([{ spec: { engine: "ollama", only: ["my-tune:latest"] } }]);
    await expect(offer(["--only", "gpt-5"], [scripts.vllm])).rejects.toThrow(
      "--only gpt-5: nothing here has a model of that name. There is meta-llama/Llama-3.1-8B-Instruct.",
    );
  });

  test("--as goes to the engine that has the model, --slots to all", async () => {
    const args = ["--as", "my-tune=llama3.1:8b", "--slots", "3"];
    const { sources } = await offer(args, [scripts.ollama, scripts.vllm]);
    expect(sources[0]!.spec).toMatchObject({ slots: 3, as: { "my-tune:latest": "llama3.1:8b" } });
    expect(sources[1]!.spec).toMatchObject({ slots: 3 });
    expect(sources[1]!.spec).not.toHaveProperty("as");
  });
});

describe("without the embedded engine", () => {
  const without = { embeddedFault: new Error("The embedded engine is not installed. Install it.") };

  test("what runs is offered", async () => {
    const { sources } = await offer([], [scripts.ollama], without);
    expect(sources).toMatchObject([{ spec: { engine: "ollama" } }]);
  });

  test("files of models are left out, which is told once", async () => {
    const { sources, leftOut } = await offer(["--models", modelsFolder], [scripts.ollama], without);
    expect(sources).toMatchObject([{ spec: { engine: "ollama" } }]);
    expect(leftOut).toEqual([without.embeddedFault.message]);
    await expect(offer(["--models", modelsFolder], [], without)).rejects.toThrow(
      /^The embedded engine is not installed\. Install it\.$/,
    );
  });

  test("nothing that runs is refused with how to get it, and with what else was seen", async () => {
    await expect(offer([], [scripts.webPage], without)).rejects.toThrow(without.embeddedFault.message);
    const empty = { ...scripts.ollama, "/api/tags": { json: { models: [] } } };
    await expect(offer([], [empty], without)).rejects.toThrow(/no model yet.*Install it\./);
  });
});

describe("beside what listens and does not answer", () => {
  /** What is offered on a machine where such a thing runs beside servers with these scripts. */
  async function offerBesideMute(running: readonly Script[] = []) {
    const mute = await startScripted({}, { until: new Promise(() => {}) });
    const servers = await Promise.all(running.map((script) => startScripted(script)));
    open.push(mute, ...servers);
    const { values } = loadConfig({ settings: joinSettings, args: [], environment: {} });
    const { signal } = new AbortController();
    const clock = new FakeClock();
    const places = [mute, ...servers].map(({ url }) => url);
    const found = findOffer(values, { signal, environment: {}, availableBytes: 2 ** 34, places, clock });
    while (clock.pending > signPaths.length + 1) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(answerLimitMs);
    return { ...(await found), mute: mute.url };
  }

  test("what answers is offered, and the other told with what to do", async () => {
    const { sources, starter, leftOut, mute } = await offerBesideMute([scripts.vllm]);
    expect([sources.map(({ title }) => title), starter]).toEqual([["vLLM 0.11.0"], false]);
    expect(leftOut).toEqual([hints.silent(mute)]);
  });

  test("the starter model is no stand-in unless somebody says so", async () => {
    const { starter, silent, leftOut, mute } = await offerBesideMute();
    expect([starter, silent, leftOut]).toEqual([true, [mute], [hints.silent(mute)]]);
    const { signal } = new AbortController();
    await expect(agreeToStarter(silent, signal)).rejects.toThrow(onlySilent([mute]).message);
    await expect(agreeToStarter([], signal)).resolves.toBeUndefined();
  });
});

describe("with an engine named", () => {
  test("nothing is searched for", async () => {
    const { sources, searched } = await offer(["--engine", "synthetic", "--slots", "4"], [scripts.ollama]);
    expect(searched).toBe(false);
    expect(sources).toMatchObject([{ spec: { engine: "synthetic", slots: 4 } }]);
  });

  test.each([
    { args: ["--model", "m.gguf"], spec: { engine: "llama-cpp", model: "m.gguf" } },
    { args: ["--engine", "ollama"], spec: { engine: "ollama", url: expect.stringContaining("://") } },
    {
      args: [
        "--engine",
        "openai",
        "--url",
        "http://h:1/v1",
        "--engine-key",
        "k",
        "--only",
        "a",
        "--only",
        "b",
      ],
      spec: { engine: "openai", url: "http://h:1/v1", apiKey: "k", only: ["a", "b"] },
    },
  ])("$args is what it says", async ({ args, spec }) => {
    expect((await offer(args)).sources).toMatchObject([{ spec }]);
  });

  test("--url alone finds out what is there, even when it is a mesh", async () => {
    const list = { "/v1/models": { json: { data: [{ id: "starter", owned_by: "cxmpute-mesh" }] } } };
    const server = await startScripted({ ...scripts.mesh, ...list });
    open.push(server);
    expect((await offer(["--url", `${server.url}/v1`])).sources).toMatchObject([
      { title: "a mesh", spec: { engine: "openai", url: `${server.url}/v1` } },
    ]);
  });
});
