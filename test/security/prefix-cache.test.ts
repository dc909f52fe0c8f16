import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cacheSaltOf } from "../../services/translator/auth/cache-salt.ts";
import { freeAddress, realEngine, untilReady } from "../support/mesh.ts";
import { cxmpute, type Program } from "../support/program.ts";

// What one user's prompts have in common with another's, nobody learns. One node serves the starter model behind two
// translators: at one users have caches of their own, at the other they share one.

interface User {
  readonly name: string;
  readonly key: string;
}

const newKey = () => `sk-cx-${randomBytes(16).toString("hex")}`;
const users: User[] = Array.from({ length: 24 }, (_, index) => ({ name: `user-${index}`, key: newKey() }));
const secondKey = { user: users[0]!, key: newKey() };
const unused = users.slice(1).values();

/** A user that has asked nothing yet. */
const newUser = (): User => unused.next().value!;

const programs = new Map<string, Program>();
let folder: string;
let apart: string;
let shared: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cxmpute-prefix-cache-"));
  const start = (name: string, ...args: string[]) =>
    programs.set(name, cxmpute([...args, "--data", join(folder, name)]));
  const [registry, router, atApart, atShared] = await Promise.all([1, 2, 3, 4].map(() => freeAddress()));
  start("registry", "registry", "--listen", registry!);
  start("router", "router", "--listen", router!, "--registry", registry!);
  start("node", "join", "--registry", registry!, "--router", router!, "--node-id", "node", ...realEngine);
  const accepted = [...users, { name: secondKey.user.name, key: secondKey.key }];
  const keys = accepted.flatMap(({ name, key }) => ["--api-key", `${name}=${key}`]);
  const translator = ["translator", "--router", router!, ...keys];
  start("apart", ...translator, "--listen", atApart!);
  start("shared", ...translator, "--listen", atShared!, "--prefix-cache", "shared");
  [apart, shared] = [`http://${atApart}`, `http://${atShared}`];
  await Promise.all([untilReady(apart, programs), untilReady(shared, programs)]);
});
afterAll(async () => {
  await Promise.all([...programs.values()].map((program) => program.stop("SIGKILL")));
  await rm(folder, { recursive: true, force: true });
});

interface Reply {
  readonly id: string;
  readonly usage: {
    readonly prompt_tokens_details?: { readonly cached_tokens: number };
    readonly input_tokens_details?: { readonly cached_tokens: number };
    readonly cache_read_input_tokens?: number;
  };
}

async function post(url: string, key: string, path: string, body: object, headers = {}): Promise<Reply> {
  const response = await fetch(`${url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
    body: JSON.stringify({ model: "starter", temperature: 0, ...body }),
  });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return JSON.parse(text) as Reply;
}

const cachedIn = ({ usage }: Reply): number =>
  usage.prompt_tokens_details?.cached_tokens ??
  usage.input_tokens_details?.cached_tokens ??
  usage.cache_read_input_tokens ??
  Number.NaN;

const secret = (of: User) =>
  `My name is ${of.name}, and my account has the number 4081 5522 9034. Remember it.`;
const chat = (content: string, max_tokens = 4) => ({ messages: [{ role: "user", content }], max_tokens });
const chats = "/v1/chat/completions";

test.each<{ surface: string; path: string; body: (content: string) => object }>([
  { surface: "a chat", path: chats, body: chat },
  { surface: "a raw completion", path: "/v1/completions", body: (prompt) => ({ prompt, max_tokens: 4 }) },
  { surface: "a message", path: "/v1/messages", body: chat },
  { surface: "a response", path: "/v1/responses", body: (input) => ({ input, max_output_tokens: 4 }) },
  {
    surface: "a partial answer",
    path: chats,
    body: (content) => ({
      ...chat(content),
      messages: [...chat(content).messages, { role: "assistant", content: "Your number is" }],
      continue_final_message: true,
    }),
  },
])("the prompt of $surface is cached for its user and for nobody else", async ({ path, body }) => {
  const [owner, other] = [newUser(), newUser()];
  const ask = ({ key }: User) => post(apart, key, path, body(secret(owner)));
  await ask(owner);
  expect(cachedIn(await ask(other))).toBe(0);
  expect(cachedIn(await ask(owner))).toBeGreaterThan(20);
});

test("guesses at what another user has sent are all alike, however much of it they have right", async () => {
  const owner = newUser();
  await post(apart, owner.key, chats, chat(secret(owner)));
  const guesses = [" 1", " 40", " 4081 55", " 4081 5522 9034"];
  const cached = new Set<number>();
  for (const guess of guesses) {
    const start = secret(owner).replace(/ 4081.*/, guess);
    // A user that has made no other guess: one's own guesses are cached.
    cached.add(cachedIn(await post(apart, newUser().key, chats, chat(start))));
  }
  expect([...cached]).toEqual([0]);
});

test("a conversation that is stored is cached for its user, and not for one who sends all of it", async () => {
  const [owner, other] = [newUser(), newUser()];
  const input = secret(owner);
  const first = await post(apart, owner.key, "/v1/responses", { input, max_output_tokens: 8 });
  const next = { input: "What is my number?", max_output_tokens: 4 };
  const continued = await post(apart, owner.key, "/v1/responses", {
    ...next,
    previous_response_id: first.id,
  });
  expect(cachedIn(continued)).toBeGreaterThan(20);
  expect(
    cachedIn(
      await post(apart, other.key, "/v1/responses", {
        ...next,
        input: [
          { role: "user", content: input },
          { role: "user", content: next.input },
        ],
      }),
    ),
  ).toBe(0);
});

test("all keys of a user have one cache", async () => {
  const prompt = chat(secret(secondKey.user));
  await post(apart, secondKey.user.key, chats, prompt);
  expect(cachedIn(await post(apart, secondKey.key, chats, prompt))).toBeGreaterThan(20);
});

test("nobody gets into another's cache by sending its salt", async () => {
  const [owner, other] = [newUser(), newUser()];
  const salt = cacheSaltOf(owner.name, "user", undefined);
  await post(apart, owner.key, chats, chat(secret(owner)));
  const body = { ...chat(secret(owner)), cache_salt: salt, user: owner.name };
  const reply = await post(apart, other.key, chats, body, { "x-cxmpute-cache-salt": salt });
  expect(cachedIn(reply)).toBe(0);
});

test("an operator can let all users share one cache, into which the others' prompts do not get", async () => {
  const [first, second] = [users[1]!, users[2]!];
  const prompt = chat("These are the long instructions of a company, the same for all who work there.");
  await post(shared, first.key, chats, prompt);
  expect(cachedIn(await post(shared, second.key, chats, prompt))).toBeGreaterThan(20);
  const own = chat(
    `Only ${first.name} has sent this to the translator that keeps users apart, and nobody else.`,
  );
  await post(apart, first.key, chats, own);
  // Of the prompt before, they have only the template in common.
  expect(cachedIn(await post(shared, second.key, chats, own))).toBeLessThan(20);
});
