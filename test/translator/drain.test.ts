import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { FakeClock } from "../support/core/fake-clock.ts";
import {
  createScript,
  finishedEvent,
  parseSse,
  startedEvent,
  textEvent,
} from "../support/translator/translator.ts";
import { ask, connectRaw, parseResponses, rawRequest, serveTranslator } from "./support.ts";

describe("a translator that is drained", () => {
  test("lets open answers finish, and then ends", async () => {
    const script = createScript();
    const translator = await serveTranslator(script.generate);
    const streamed = ask(translator, { stream: true });
    const call = await script.next();
    call.push(startedEvent(), textEvent("be"));
    const response = await streamed;
    const whole = ask(translator);
    const other = await script.next();
    const drained = translator.drain(60_000);
    call.push(textEvent("gun"), finishedEvent());
    other.push(startedEvent(), textEvent("whole"), finishedEvent());
    expect(parseSse(await response.text()).at(-1)).toBe("[DONE]");
    const answered = await whole;
    expect(answered.headers.get("connection")).toBe("close");
    expect(await answered.json()).toMatchObject({ choices: [{ message: { content: "whole" } }] });
    await drained;
  });

  test("takes no new connections", async () => {
    const script = createScript();
    const translator = await serveTranslator(script.generate);
    const streamed = ask(translator, { stream: true });
    const call = await script.next();
    call.push(startedEvent(), textEvent("a"));
    const response = await streamed;
    const drained = translator.drain(60_000);
    const [error] = await once(connect(translator.port, "127.0.0.1"), "error");
    expect((error as NodeJS.ErrnoException).code).toBe("ECONNREFUSED");
    call.push(finishedEvent());
    await response.text();
    await drained;
  });

  test("says on connections that are busy that it is not ready, and answers what still comes there", async () => {
    const script = createScript();
    const translator = await serveTranslator(script.generate);
    const { socket, text, received, closed } = await connectRaw(translator);
    socket.write(rawRequest({ stream: true }));
    const call = await script.next();
    call.push(startedEvent(), textEvent("a"));
    await received(/"a"/);
    const drained = translator.drain(60_000);
    socket.write("GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n");
    call.push(finishedEvent());
    await closed;
    const [stream, ready] = parseResponses(text());
    expect(stream!.status).toBe(200);
    expect(ready).toMatchObject({ status: 503, head: expect.stringMatching(/connection: close/i) });
    expect(JSON.parse(ready!.body)).toEqual({ status: "not ready", reason: "The service is shutting down." });
    await drained;
  });

  test("tells whoever is still there after the grace, and ends", async () => {
    const clock = new FakeClock();
    const script = createScript();
    const translator = await serveTranslator(script.generate, { clock });
    const streamed = ask(translator, { stream: true });
    const begun = await script.next();
    begun.push(startedEvent(), textEvent("a"));
    const response = await streamed;
    const whole = ask(translator);
    const waiting = await script.next();
    const drained = translator.drain(5000);
    await clock.advance(5000);
    await Promise.all([begun.aborted, waiting.aborted]);
    const data = parseSse(await response.text()).map((json) => JSON.parse(json));
    expect(data.at(-1).error).toMatchObject({ type: "server_error", code: null });
    const refused = await whole;
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    await refused.text();
    // Connections that have become idle are closed a moment later.
    await clock.advance(600);
    await drained;
  });

  test("cuts a client that does not even read that", async () => {
    const clock = new FakeClock();
    const script = createScript();
    const translator = await serveTranslator(script.generate, { clock });
    const { socket, closed } = await connectRaw(translator);
    // Half a request: its connection never gets idle.
    socket.write(rawRequest().slice(0, 60));
    await new Promise(setImmediate);
    const drained = translator.drain(1000);
    await clock.advance(1000);
    await clock.advance(250);
    await drained;
    await closed;
  });

  test("can be closed while it drains, and more than once", async () => {
    const script = createScript();
    const translator = await serveTranslator(script.generate);
    const streamed = ask(translator, { stream: true });
    const call = await script.next();
    call.push(startedEvent(), textEvent("a"));
    const response = await streamed;
    const drained = translator.drain(60_000);
    await Promise.all([translator.close(), translator.close(), drained]);
    expect(parseSse(await response.text()).at(-1)).toContain('"error"');
  });
});
