import { once } from "node:events";
import { Agent, request } from "node:https";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { certifyNew, createRoot } from "../../core/identity/authority.ts";
import {
  bearer,
  finishedEvent,
  parseSse,
  question,
  startedEvent,
  textEvent,
} from "../support/translator/translator.ts";
import { ask, serveTranslator } from "./support.ts";

const day = 86_400_000;
const term = { from: Date.now() - day, until: Date.now() + day };

async function* answer() {
  yield startedEvent();
  yield textEvent("Hel");
  yield textEvent("lo.");
  yield finishedEvent();
}

/** A translator with a certificate for `localhost`, and a client that trusts who issued it. */
async function serveHttps() {
  const root = await createRoot(term);
  const tls = await certifyNew(root, { identity: { role: "translator" }, term, hosts: ["localhost"] });
  const translator = await serveTranslator(answer, { tls });
  const agent = new Agent({ ca: root.certificate, servername: "localhost", keepAlive: true });
  onTestFinished(() => agent.destroy());
  const post = async (more: Record<string, unknown>) => {
    const headers = { ...bearer, "content-type": "application/json" };
    const call = request(`${translator.url}/v1/chat/completions`, { method: "POST", headers, agent });
    call.end(JSON.stringify(question(more)));
    const [response] = await once(call, "response");
    return { status: response.statusCode as number, body: await text(response) };
  };
  return { translator, post };
}

test("a translator with a certificate serves HTTPS, streamed and whole", async () => {
  const { translator, post } = await serveHttps();
  expect(translator.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  const whole = await post({});
  expect(whole.status).toBe(200);
  expect(JSON.parse(whole.body)).toMatchObject({ choices: [{ message: { content: "Hello." } }] });
  const streamed = await post({ stream: true });
  expect(parseSse(streamed.body).at(-1)).toBe("[DONE]");
});

test("a translator with a certificate ends when it is drained, although connections are kept alive", async () => {
  const { translator, post } = await serveHttps();
  await post({});
  await translator.drain(60_000);
  await expect(post({})).rejects.toMatchObject({ code: expect.stringMatching(/^ECONN/) });
});

test("who does not trust the certificate's issuer gets nothing from it", async () => {
  const { translator } = await serveHttps();
  await expect(ask(translator)).rejects.toMatchObject({ message: "fetch failed" });
});
