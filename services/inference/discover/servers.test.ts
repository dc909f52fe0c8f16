import { createServer } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import {
  type Script,
  type ScriptedServer,
  scripts,
  startScripted,
} from "../../../test/support/inference/discover.ts";
import { findServers, usualPlaces } from "./find-servers.ts";
import { inspectServer } from "./inspect-server.ts";

const { signal } = new AbortController();
const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

async function start(script: Script, options: { key?: string } = {}): Promise<ScriptedServer> {
  const server = await startScripted(script, options);
  open.push(server);
  return server;
}

describe("a search", () => {
  test("finds the servers that run, in order, and keeps meshes and locked ones apart", async () => {
    const [vllm, mesh, ollama, locked, page] = [
      await start(scripts.vllm),
      await start(scripts.mesh),
      await start(scripts.ollama),
      await start(scripts.locked),
      await start(scripts.webPage),
    ];
    const places = [vllm, mesh, page, locked, ollama].map(({ url }) => url);
    const found = await findServers({ signal, environment: {}, places: ["http://127.0.0.1:9", ...places] });
    expect(found.servers.map(({ kind, url }) => `${kind} ${url}`)).toEqual([
      `vllm ${vllm.url}`,
      `ollama ${ollama.url}`,
    ]);
    expect(found.meshes).toEqual([mesh.url]);
    expect(found.locked).toEqual([locked.url]);
  });

  test("asks nothing but GETs that carry no key", async () => {
    const server = await start(scripts.vllm);
    await findServers({ signal, environment: {}, places: [server.url] });
    expect(server.asked.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  test("gives up on a server that takes the connection and says nothing", async () => {
    const mute = createServer(() => {});
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
    open.push({
      close: async () => {
        mute.closeAllConnections();
        mute.close();
      },
    });
    const { port } = mute.address() as { port: number };
    const clock = new FakeClock();
    const search = findServers({ signal, environment: {}, places: [`http://127.0.0.1:${port}`], clock });
    await clock.advance(2000);
    expect(await search).toEqual({ servers: [], meshes: [], locked: [] });
  });
});

describe("OLLAMA_HOST", () => {
  test.each([
    ["", "http://127.0.0.1:11434"],
    ["0.0.0.0", "http://127.0.0.1:11434"],
    ["192.168.1.5", "http://192.168.1.5:11434"],
    [":11500", "http://127.0.0.1:11500"],
    ["box:11500", "http://box:11500"],
    ["http://box:11500/", "http://box:11500"],
    ["http://box", "http://box:80"],
    ["https://ollama.example", "https://ollama.example:443"],
    ["[::]:11434", "http://127.0.0.1:11434"],
    ['"0.0.0.0:11434"', "http://127.0.0.1:11434"],
    ["not an address", "http://127.0.0.1:11434"],
  ])("%j leads to %s", (host, url) => {
    expect(usualPlaces({ OLLAMA_HOST: host })[0]).toBe(url);
  });
});

describe("a server that is named", () => {
  const fault = (url: string, apiKey?: string) =>
    inspectServer(url, { signal, apiKey }).then(
      () => "no fault",
      (error: Error) => error.message,
    );

  test("is inspected with its key, and without the path that examples carry", async () => {
    const { url } = await start(scripts.vllm, { key: "k" });
    expect(await inspectServer(`${url}/v1/`, { signal, apiKey: "k" })).toMatchObject({ kind: "vllm", url });
  });

  test("may be a mesh", async () => {
    const list = { "/v1/models": { json: { data: [{ id: "starter", owned_by: "cxmpute-mesh" }] } } };
    const { url } = await start({ ...scripts.mesh, ...list });
    expect(await inspectServer(url, { signal })).toMatchObject({
      kind: "mesh",
      models: [{ name: "starter" }],
    });
  });

  test("and is not there, is told with what to check", async () => {
    const { url, close } = await startScripted({});
    await close();
    expect(await fault(url)).toBe(
      `cannot use the server at ${url}: nothing listens there. Start the server, or check host and port of --url.`,
    );
  });

  test("by a name that does not exist, is told", async () => {
    expect(await fault("http://no-such-host.invalid:8000")).toMatch(/host of that name|cannot be looked up/);
  });

  test("and answers with a page, is told with what came", async () => {
    const { url } = await start(scripts.webPage);
    expect(await fault(url)).toBe(
      `what answers at ${url} is neither Ollama nor a server with OpenAI's API: for ${url}/v1/models it gave status 404, text/html. Check port and path of --url.`,
    );
  });

  test("and refuses the key, or wants one, is told", async () => {
    const { url } = await start(scripts.vllm, { key: "k" });
    expect(await fault(url)).toBe(
      `the server at ${url} asks for a key. Set CXMPUTE_ENGINE_KEY to the key that the server was started with.`,
    );
    expect(await fault(url, "wrong")).toBe(
      `the server at ${url} refuses the key. Set CXMPUTE_ENGINE_KEY to the key that the server was started with.`,
    );
  });

  test("with https where it speaks plain HTTP, is told", async () => {
    const { url } = await start(scripts.vllm);
    expect(await fault(url.replace("http:", "https:"))).toContain("Use http:// instead of https:// in --url");
  });
});
