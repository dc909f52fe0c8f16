import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freeAddress, untilReady } from "../support/mesh.ts";
import { cxmpute, type Program } from "../support/program.ts";

// One mesh with two translators: one with the keys of several users, one without any.

const keys = {
  alice: "sk-cx-alice-canary-0123456789",
  aliceToo: "sk-cx-alice-too-canary-0123456789",
  bob: "sk-cx-bob-canary-0123456789",
  operator: "sk-cx-operator-canary-0123456789",
  unnamed: "sk-cx-unnamed-canary-0123456789",
  unnamedToo: "sk-cx-unnamed-too-canary-0123456789",
};
const sha256 = (key: string) => createHash("sha256").update(key).digest("hex");
const configuration = `translator:
  api_keys:
    - {user: alice, key: ${keys.alice}}
    - alice=sha256:${sha256(keys.aliceToo)}
    - {user: bob, key_sha256: ${sha256(keys.bob)}}
    - {user: root, key: ${keys.operator}, role: operator}
    - ${keys.unnamed}
    - ${keys.unnamedToo}
`;
const nodeName = "provider-machine-7";
const storedResponses = 12;

const programs = new Map<string, Program>();
let folder: string;
let keyed: string;
let open: string;
let nodeAddress: string;
let routerAddress: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cxmpute-callers-"));
  const file = join(folder, "mesh.yaml");
  await writeFile(file, configuration);
  const start = (name: string, ...args: string[]) =>
    programs.set(name, cxmpute([...args, "--data", join(folder, name)]));
  const registry = await freeAddress();
  routerAddress = await freeAddress();
  nodeAddress = await freeAddress();
  const [atKeyed, atOpen] = [await freeAddress(), await freeAddress()];
  start("registry", "registry", "--listen", registry);
  start("router", "router", "--listen", routerAddress, "--registry", registry);
  const engine = [
    "--engine",
    "synthetic",
    "--slots",
    "4",
    "--tokens-per-second",
    "100",
    "--answer-tokens",
    "100000",
  ];
  const advertised = ["--registry", registry, "--advertise", nodeAddress, "--node-id", nodeName];
  start("node", "join", ...advertised, ...engine);
  const store = ["--stored-responses", String(storedResponses)];
  start("keyed", "translator", "--listen", atKeyed, "--router", routerAddress, "--config", file, ...store);
  start("open", "translator", "--listen", atOpen, "--router", routerAddress);
  keyed = `http://${atKeyed}`;
  open = `http://${atOpen}`;
  await Promise.all([untilReady(keyed, programs), untilReady(open, programs)]);
});
afterAll(async () => {
  await Promise.all([...programs.values()].map((program) => program.stop("SIGKILL")));
  await rm(folder, { recursive: true, force: true });
});

type Headers = Record<string, string | string[]>;
interface Answer {
  readonly status: number;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

/** A request with exactly these headers, also those that `fetch` does not let pages and programs set. */
const send = (url: string, method: string, headers: Headers, body?: unknown): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const typed = body === undefined ? {} : { "content-type": "application/json" };
    const sent = request(url, { method, headers: { ...typed, ...headers } });
    sent.on("error", reject);
    sent.on("response", async (response) => {
      const text = Buffer.concat(await response.toArray()).toString();
      const json = /^\s*[{[]/.test(text) ? JSON.parse(text) : {};
      resolve({ status: response.statusCode ?? 0, text, json });
    });
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const chat = (max_tokens = 2) => ({
  model: "synthetic",
  max_tokens,
  messages: [{ role: "user", content: "Hello." }],
});
const post = (key: string, path: string, body: unknown, headers: Headers = {}) =>
  send(`${keyed}${path}`, "POST", { ...bearer(key), ...headers }, body);
const get = (key: string, path: string, headers: Headers = {}) =>
  send(`${keyed}${path}`, "GET", { ...bearer(key), ...headers });

/** Has a response stored, and returns its id. */
async function store(key: string, more: Record<string, unknown> = {}): Promise<string> {
  const body = { model: "synthetic", max_output_tokens: 2, input: "My secret is marzipan.", ...more };
  const { status, text, json } = await post(key, "/v1/responses", body);
  expect(status, text).toBe(200);
  return json.id as string;
}

describe("a stored response of another user", () => {
  let id: string;
  let itemId: string;
  beforeAll(async () => {
    id = await store(keys.alice);
    const { json } = await get(keys.alice, `/v1/responses/${id}/input_items`);
    itemId = (json.data as { id: string }[])[0]!.id;
  });
  const unknown = "resp_00000000000000000000000000000000";
  const continued = (previous: string) => ({
    model: "synthetic",
    input: "Go on.",
    previous_response_id: previous,
  });

  const attacks: {
    attack: string;
    run: (key: string, id: string, headers?: Headers) => Promise<Answer>;
    status: number;
  }[] = [
    {
      attack: "is not read",
      run: (key, one, headers) => get(key, `/v1/responses/${one}`, headers),
      status: 404,
    },
    {
      attack: "is not read at the other mount",
      run: (key, one) => get(key, `/api/v1/responses/${one}`),
      status: 404,
    },
    {
      attack: "is not listed",
      run: (key, one) => get(key, `/v1/responses/${one}/input_items?limit=1`),
      status: 404,
    },
    {
      attack: "is not cancelled",
      run: (key, one) => post(key, `/v1/responses/${one}/cancel`, {}),
      status: 404,
    },
    {
      attack: "is not continued",
      run: (key, one) => post(key, "/v1/responses", continued(one)),
      status: 400,
    },
    {
      attack: "is not continued in a stream",
      run: (key, one) => post(key, "/v1/responses", { ...continued(one), stream: true }),
      status: 400,
    },
    {
      attack: "is not deleted",
      run: (key, one) => send(`${keyed}/v1/responses/${one}`, "DELETE", bearer(key)),
      status: 404,
    },
    {
      attack: "is not replayed",
      run: (key, one) => get(key, `/v1/responses/${one}?stream=true`),
      status: 400,
    },
  ];
  test.each(attacks)("$attack, as if it had never been", async ({ run, status }) => {
    for (const key of [keys.bob, keys.unnamed, keys.operator]) {
      const [theirs, none] = [await run(key, id), await run(key, unknown)];
      expect(theirs.status, theirs.text).toBe(status);
      expect(theirs.text.replaceAll(id, unknown)).toBe(none.text);
      expect(theirs.text).not.toContain("marzipan");
    }
    expect((await get(keys.alice, `/v1/responses/${id}`)).status).toBe(200);
  });

  test("lends no item to a conversation", async () => {
    const input = (item: string) => [{ type: "item_reference", id: item }];
    const ask = (key: string, item: string) =>
      post(key, "/v1/responses", { model: "synthetic", max_output_tokens: 2, input: input(item) });
    const [theirs, none] = [await ask(keys.bob, itemId), await ask(keys.bob, "msg_0")];
    expect([theirs.status, theirs.text.replaceAll(itemId, "msg_0")]).toEqual([404, none.text]);
    expect((await ask(keys.alice, itemId)).status).toBe(200);
  });

  test.each(["__proto__", "constructor", "%2e%2e", "..%2fresponses", "%00", "*", "", "é", "x".repeat(400)])(
    "is not found under an id that is none: %s",
    async (none) => {
      const { status, text } = await get(keys.bob, `/v1/responses/${encodeURI(decodeURI(none))}`);
      expect([400, 404, 405, 414]).toContain(status);
      expect(text).not.toContain("marzipan");
    },
  );

  test.each<{ as: string; headers: Headers; key?: string }>([
    { as: "the owner's user id", headers: { "x-user-id": "alice" } },
    { as: "the owner's id in another case of the header", headers: { "X-USER-ID": "alice" } },
    { as: "both ids in two headers", headers: { "x-user-id": ["bob", "alice"] } },
    { as: "both ids in one header", headers: { "x-user-id": "bob, alice" } },
    { as: "the owner's id in other letters", headers: { "x-user-id": "ALICE" } },
    { as: "an id with a sign that looks like none", headers: { "x-user-id": "alice\u00a0" } },
    { as: "an id in Unicode", headers: { "x-user-id": "\u00e4lice" } },
    { as: "an id of 10,000 characters", headers: { "x-user-id": "alice".repeat(2000) } },
    { as: "an empty id", headers: { "x-user-id": "" } },
  ])("is not read under $as", async ({ headers }) => {
    for (const { run } of attacks.slice(0, 1)) {
      const { status, text } = await run(keys.bob, id, headers);
      expect([status, text.includes("invalid_api_key")]).toEqual([401, true]);
    }
  });

  test.each<{ with: string; headers: Headers; query?: string }>([
    { with: "the owner's key in the query", headers: {}, query: `?api_key=${keys.alice}&key=${keys.alice}` },
    { with: "the owner's key in a cookie", headers: { cookie: `authorization=Bearer ${keys.alice}` } },
    { with: "the owner's key for Basic", headers: { authorization: `Basic ${btoa(`alice:${keys.alice}`)}` } },
    { with: "the hash of the owner's key", headers: bearer(sha256(keys.alice)) },
    { with: "the hash as it is configured", headers: bearer(`sha256:${sha256(keys.aliceToo)}`) },
    { with: "the owner's setting", headers: bearer(`alice=${keys.alice}`) },
    { with: "the owner's user for a key", headers: bearer("alice") },
    { with: "the owner's key in other letters", headers: bearer(keys.alice.toUpperCase()) },
    { with: "the owner's key without its end", headers: bearer(keys.alice.slice(0, -1)) },
    { with: "two keys in one header", headers: bearer(`${keys.bob}, Bearer ${keys.alice}`) },
    { with: "no key", headers: { "x-user-id": "alice" } },
    {
      with: "a key behind a proxy's header",
      headers: { "x-forwarded-authorization": `Bearer ${keys.alice}` },
    },
  ])("is not read with $with", async ({ headers, query = "" }) => {
    const { status, text } = await send(`${keyed}/v1/responses/${id}${query}`, "GET", headers);
    expect([status, text.includes("marzipan")]).toEqual([401, false]);
    expect(text).not.toContain(keys.alice);
  });

  test("is the user's with any of the user's keys", async () => {
    expect((await get(keys.aliceToo, `/v1/responses/${id}`)).json.id).toBe(id);
    expect((await get(keys.aliceToo, `/v1/responses/${id}`, { "x-user-id": "alice" })).json.id).toBe(id);
    const next = await post(keys.aliceToo, "/v1/responses", { ...continued(id), max_output_tokens: 2 });
    expect(next.json.previous_response_id).toBe(id);
    expect((await get(keys.alice, `/v1/responses/${next.json.id}`)).status).toBe(200);
  });

  test("is not shared by keys without a user", async () => {
    const own = await store(keys.unnamed);
    expect((await get(keys.unnamed, `/v1/responses/${own}`)).status).toBe(200);
    for (const key of [keys.unnamedToo, keys.alice])
      expect((await get(key, `/v1/responses/${own}`)).status).toBe(404);
    // Nor are they the users of their defaults elsewhere.
    for (const user of ["local", "anonymous", "unnamed"])
      expect((await get(keys.unnamed, `/v1/responses/${own}`, { "x-user-id": user })).status).toBe(401);
  });

  test("is not displaced by as many as another user stores", async () => {
    for (let count = 0; count < 2 * storedResponses; count++) await store(keys.bob);
    expect((await get(keys.alice, `/v1/responses/${id}`)).status).toBe(200);
    const items = await get(keys.alice, `/v1/responses/${id}/input_items`);
    expect(items.text).toContain("My secret is marzipan.");
  });
});

describe("a user who floods the mesh", () => {
  const pause = () => new Promise((resolve) => setTimeout(resolve, 20));

  /** Sends as many as `atOnce` at a time, each again when it has ended, until told to stop. */
  function flood(atOnce: number, one: () => Promise<Answer>) {
    const statuses: number[] = [];
    let stopped = false;
    const lane = async () => {
      while (!stopped) {
        const { status } = await one();
        statuses.push(status);
        // A refusal comes at once; to send again at once would only keep this machine busy.
        if (status !== 200) await pause();
      }
    };
    const lanes = Promise.all(Array.from({ length: atOnce }, lane));
    return {
      statuses,
      stop: async () => {
        stopped = true;
        await lanes;
      },
    };
  }
  const until = async (holds: () => boolean) => {
    while (!holds()) await pause();
  };

  test("takes nothing from another: all 16 of the other's requests are served", async () => {
    const floods = [keys.alice, keys.aliceToo].map((key) =>
      flood(60, () => post(key, "/v1/chat/completions", chat(4))),
    );
    await until(() => floods.every(({ statuses }) => statuses.includes(429)));
    const answers = await Promise.all(
      Array.from({ length: 16 }, () => post(keys.bob, "/v1/chat/completions", chat())),
    );
    await Promise.all(floods.map(({ stop }) => stop()));
    expect(answers.map(({ status }) => status)).toEqual(Array(16).fill(200));
  });

  test("takes nothing from another by asking for many kinds of answers at once, on every surface", async () => {
    const kinds = [
      () => post(keys.alice, "/v1/chat/completions", { ...chat(4), n: 8 }),
      () => post(keys.alice, "/v1/chat/completions", { ...chat(4), stream: true }),
      () => post(keys.alice, "/v1/completions", { model: "synthetic", prompt: "Hi", max_tokens: 4 }),
      () =>
        post(keys.alice, "/v1/responses", {
          model: "synthetic",
          input: "Hi",
          max_output_tokens: 16,
          store: false,
        }),
      () => post(keys.alice, "/v1/messages", chat(4)),
    ];
    const floods = kinds.map((kind) => flood(24, kind));
    await until(() => floods.some(({ statuses }) => statuses.includes(429)));
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, index) =>
        index % 2 === 0
          ? post(keys.bob, "/v1/chat/completions", chat())
          : post(keys.bob, "/v1/messages", chat(), { "x-api-key": keys.bob }),
      ),
    );
    await Promise.all(floods.map(({ stop }) => stop()));
    expect(answers.map(({ status }) => status)).toEqual(Array(16).fill(200));
  });

  test("gets no more turns under made-up user ids where there are no keys", async () => {
    const leave = new AbortController();
    const statuses: number[] = [];
    const asks = Array.from({ length: 90 }, async (_, index) => {
      const { status } = await fetch(`${open}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-user-id": `made-up-${index}` },
        body: JSON.stringify({ ...chat(100_000), stream: true }),
        signal: leave.signal,
      });
      statuses.push(status);
    });
    // Of one caller 4 run, and 64 may wait.
    await until(() => statuses.filter((status) => status === 429).length >= 90 - 4 - 64);
    leave.abort();
    await Promise.allSettled(asks);
    expect(statuses.filter((status) => status === 429)).toHaveLength(90 - 4 - 64);
  });
});

describe("the nodes of the mesh", () => {
  const explain = "/cxmpute.router.v1.RouterService/ExplainRoute";
  const generation = { model: "synthetic", messages: [{ role: "ROLE_USER", parts: [{ text: "Hi" }] }] };

  test.each(["alice", "bob", "unnamed"] as const)("are not explained to %s", async (name) => {
    const { status, text } = await post(keys[name], explain, { generation });
    expect([status, text]).toEqual([403, expect.stringContaining("only for operators")]);
    expect(text).not.toContain(nodeName);
  });

  test("are not explained by a translator without keys", async () => {
    const { status, text } = await send(`${open}${explain}`, "POST", { "x-user-id": "root" }, { generation });
    expect([status, text.includes(nodeName)]).toEqual([403, false]);
  });

  test.each<{ with: string; headers: Headers }>([
    { with: "the operator's user id", headers: { "x-user-id": "root" } },
    { with: "a role in a header", headers: { "x-role": "operator", role: "operator" } },
    { with: "a second key", headers: { "x-api-key": keys.operator } },
  ])("are not explained with $with", async ({ headers }) => {
    const { status, text } = await post(keys.bob, explain, { generation }, headers);
    expect([[401, 403].includes(status), text.includes(nodeName)]).toEqual([true, false]);
  });

  test("are explained to an operator, by the endpoint and by the router of a mesh in plain text", async () => {
    expect((await post(keys.operator, explain, { generation })).text).toContain(nodeName);
    const ways = [
      { args: ["--base-url", `${keyed}/v1`], environment: { CXMPUTE_API_KEY: keys.operator } },
      { args: ["--router", routerAddress], environment: {} },
    ];
    for (const { args, environment } of ways) {
      const program = cxmpute(["explain", "synthetic", ...args], environment);
      expect(await program.ended, program.stderr()).toMatchObject({ code: 0 });
      expect(program.stdout()).toContain(nodeName);
    }
    const refused = cxmpute(["explain", "synthetic", ...ways[0]!.args], { CXMPUTE_API_KEY: keys.bob });
    expect(await refused.ended).toMatchObject({ code: 1 });
    expect(refused.stderr()).toContain("only for operators");
  });

  test.each<{ path: string; method: string; body?: unknown }>([
    { method: "GET", path: "/v1/models" },
    { method: "GET", path: "/v1/models/synthetic" },
    { method: "GET", path: "/v1/catalogue" },
    { method: "GET", path: "/readyz" },
    { method: "GET", path: "/openapi.json" },
    { method: "POST", path: "/v1/chat/completions", body: chat() },
    { method: "POST", path: "/v1/chat/completions", body: { ...chat(), stream: true } },
    {
      method: "POST",
      path: "/v1/chat/completions",
      body: { ...chat(), tools: [{ type: "function", function: { name: "f" } }] },
    },
    { method: "POST", path: "/v1/chat/completions", body: { ...chat(), model: "wibble" } },
    { method: "POST", path: "/v1/messages", body: chat() },
    {
      method: "POST",
      path: "/v1/responses",
      body: { model: "synthetic", input: "Hi", stream: true, max_output_tokens: 16 },
    },
    { method: "POST", path: "/cxmpute.router.v1.RouterService/ListModels", body: {} },
  ])("are not in the answer to $method $path", async ({ method, path, body }) => {
    const sent = await fetch(`${keyed}${path}`, {
      method,
      headers: { ...bearer(keys.bob), "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const said = JSON.stringify([...sent.headers]) + (await sent.text());
    expect(said).not.toContain(nodeName);
    expect(said).not.toContain(nodeAddress);
    expect(said).not.toContain(routerAddress);
  });
});

describe("a web page of another site, where there are no keys", () => {
  const evil = { origin: "https://evil.example" };
  const refusal = [403, expect.stringContaining("--api-key USER=KEY")];

  test.each<{ way: string; method: string; path: string; headers?: Headers; body?: unknown }>([
    { way: "a chat", method: "POST", path: "/v1/chat/completions", body: chat() },
    {
      way: "a request that needs no preflight",
      method: "POST",
      path: "/v1/chat/completions",
      headers: { "content-type": "text/plain" },
      body: chat(),
    },
    { way: "Anthropic's surface", method: "POST", path: "/v1/messages", body: chat() },
    { way: "Connect", method: "POST", path: "/cxmpute.router.v1.RouterService/ListModels", body: {} },
    { way: "the models", method: "GET", path: "/v1/models" },
    { way: "a stored response", method: "GET", path: "/v1/responses/resp_1" },
    { way: "a sandbox", method: "GET", path: "/v1/models", headers: { origin: "null" } },
    {
      way: "a name that resolves to this machine",
      method: "GET",
      path: "/v1/models",
      headers: { origin: "http://localhost:3000", host: "evil.example" },
    },
    {
      way: "that name without an origin",
      method: "GET",
      path: "/v1/models",
      headers: { origin: [], host: "evil.example:8080" },
    },
  ])("gets nothing by $way", async ({ method, path, headers = {}, body }) => {
    const { status, text } = await send(`${open}${path}`, method, { ...evil, ...headers }, body);
    expect([status, text]).toEqual(refusal);
  });

  test("is let in with a key, where there are keys; and a page of this machine without one", async () => {
    expect((await get(keys.bob, "/v1/models", evil)).status).toBe(200);
    expect((await send(`${keyed}/v1/models`, "GET", evil)).status).toBe(401);
    expect((await send(`${open}/v1/models`, "GET", { origin: "http://localhost:3000" })).status).toBe(200);
    expect((await send(`${open}/v1/models`, "GET", {})).status).toBe(200);
  });
});

test("no key is in any log", async () => {
  for (const program of programs.values())
    for (const key of Object.values(keys)) {
      expect(program.stderr()).not.toContain(key);
      expect(program.stdout()).not.toContain(key);
      expect(program.stderr()).not.toContain(sha256(key));
    }
});
