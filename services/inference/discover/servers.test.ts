import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import {
  type Script,
  type ScriptedServer,
  scripts,
  startScripted,
} from "../../../test/support/inference/discover.ts";
import { answerLimitMs } from "../servers/ask.ts";
import { inspectServer } from "../servers/inspect-server.ts";
import { signPaths } from "../servers/recognise.ts";
import { findServers, usualPlaces } from "./find-servers.ts";

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

  test("asks each server for its list and for what tells it from the others, and nothing twice", async () => {
    const server = await start(scripts.webPage);
    await findServers({ signal, environment: {}, places: [server.url] });
    expect(server.asked.map(({ path }) => path).sort()).toEqual([...signPaths, "/v1/models"].sort());
  });
});

describe("what listens and does not answer at once", () => {
  /** A server that does with each connection as it is told; no clock but the search's own runs. */
  async function listen(onConnection: (socket: Socket) => void): Promise<string> {
    const sockets = new Set<Socket>();
    const server = createTcpServer((socket) => {
      sockets.add(socket.on("error", () => {}));
      onConnection(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    open.push({
      close: async () => {
        for (const socket of sockets) socket.destroy();
        server.close();
      },
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** A search, and what moves its time on once no more than `waiting` questions are open. */
  function search(...places: string[]) {
    const clock = new FakeClock();
    const found = findServers({ signal, environment: {}, places, clock });
    const advance = async (ms: number, waiting: number) => {
      while (clock.pending > waiting) await new Promise((resolve) => setImmediate(resolve));
      await clock.advance(ms);
    };
    return { found, advance };
  }
  const questions = signPaths.length + 1;

  test("is told as silent: a connection that is taken, and nothing more", async () => {
    const url = await listen(() => {});
    const { found, advance } = search(url);
    await advance(answerLimitMs, questions);
    expect(await found).toEqual({ servers: [], meshes: [], locked: [], silent: [url] });
  });

  test("is told as silent: an answer that stops in the middle of its head", async () => {
    const url = await listen((socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-type: "));
    const { found, advance } = search(url);
    await advance(answerLimitMs, questions);
    expect((await found).silent).toEqual([url]);
  });

  test("is told as silent: an Ollama that says its version, and nothing of its models", async () => {
    const version = JSON.stringify(scripts.ollama["/api/version"].json);
    const url = await listen((socket) =>
      socket.on("data", (data) => {
        if (data.toString().startsWith("GET /api/version "))
          socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${version.length}\r\n\r\n${version}`);
      }),
    );
    const { found, advance } = search(url);
    await advance(answerLimitMs, questions - 1);
    expect(await found).toMatchObject({ servers: [], silent: [url] });
  });

  test("is found when it answers late, as on a machine that is busy", async () => {
    const held = Promise.withResolvers<void>();
    const server = await startScripted(scripts.ollama, { until: held.promise });
    open.push(server);
    const { found, advance } = search(server.url);
    await advance(answerLimitMs - 1, questions);
    held.resolve();
    expect(await found).toMatchObject({ servers: [{ kind: "ollama" }], silent: [] });
  });

  test("hides no other server", async () => {
    const mute = await listen(() => {});
    const vllm = await start(scripts.vllm);
    const { found, advance } = search(mute, vllm.url);
    await advance(answerLimitMs, questions);
    expect(await found).toMatchObject({ servers: [{ kind: "vllm" }], silent: [mute] });
  });

  test("is nothing when it hangs up: that is another kind of program", async () => {
    const url = await listen((socket) => socket.destroy());
    expect(await search(url).found).toEqual({ servers: [], meshes: [], locked: [], silent: [] });
  });

  test("is not waited for where nothing listens", async () => {
    const { url, close } = await startScripted({});
    await close();
    expect(await search(url).found).toEqual({ servers: [], meshes: [], locked: [], silent: [] });
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
