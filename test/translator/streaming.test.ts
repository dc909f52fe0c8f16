import { describe, expect, test } from "vitest";
import type { Generate } from "../../core/generate.ts";
import { FakeClock } from "../support/core/fake-clock.ts";
import {
  answering,
  answerOf,
  createScript,
  finishedEvent,
  parseSse,
  startedEvent,
  textEvent,
} from "../support/translator/translator.ts";
import { ask, connectRaw, parseResponses, rawRequest, serveTranslator } from "./support.ts";

const contentOf = (body: string) =>
  parseSse(body)
    .filter((data) => data !== "[DONE]")
    .map((json) => JSON.parse(json).choices[0].delta.content ?? "")
    .join("");

test("text of any script arrives whole, however it is cut", async () => {
  const texts = ["plain ", "é", "漢字", "😀 \u2028", '"\\\n', "\u0000", "end"];
  const generate: Generate = async function* () {
    yield startedEvent();
    for (const text of texts) {
      yield textEvent(text);
      await new Promise(setImmediate);
    }
    yield finishedEvent();
  };
  const translator = await serveTranslator(generate);
  const response = await ask(translator, { stream: true });
  expect(contentOf(await response.text())).toBe(texts.join(""));
});

test("a connection carries one answer after the other, and answers that were asked for at once in order", async () => {
  const script = createScript();
  const translator = await serveTranslator(script.generate);
  const { socket, text, received } = await connectRaw(translator);
  socket.write(rawRequest({ stream: true }) + rawRequest({ stream: true }) + rawRequest());
  const [first, second, third] = [await script.next(), await script.next(), await script.next()];
  // The last one is ready first.
  third.push(...answerOf("third"));
  second.push(startedEvent(), textEvent("sec"));
  await new Promise(setImmediate);
  first.push(startedEvent(), textEvent("fi"));
  await received(/"fi"/);
  second.push(textEvent("ond"));
  first.push(textEvent("rst"), finishedEvent());
  await received(/sec/);
  second.push(textEvent("!"), finishedEvent());
  await received(/third/);
  socket.write(rawRequest({ stream: true }));
  (await script.next()).push(...answerOf("fourth"));
  await received(/fourth.*\r\n0\r\n\r\n$/s);

  const responses = parseResponses(text());
  expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  const [one, two, three, four] = responses.map(({ body }) => body);
  expect([contentOf(one!), contentOf(two!), contentOf(four!)]).toEqual(["first", "second!", "fourth"]);
  expect(JSON.parse(three!).choices[0].message.content).toBe("third");
});

test("a client of HTTP/1.0 gets the events without chunks, until the connection ends", async () => {
  const translator = await serveTranslator(answering(answerOf("a", "b")));
  const { socket, text, closed } = await connectRaw(translator);
  socket.write(rawRequest({ stream: true }, "1.0"));
  await closed;
  const [response] = parseResponses(text());
  expect(response!.head).not.toMatch(/transfer-encoding/i);
  expect(contentOf(response!.body)).toBe("ab");
});

describe("a client that reads slowly", () => {
  /** Says `count` texts of 16 KiB, as fast as they are read; tells how far it has come. */
  function torrent(count: number) {
    const progress = { said: 0 };
    const generate: Generate = async function* (_generation, signal) {
      yield startedEvent();
      for (; progress.said < count; progress.said++) {
        await new Promise(setImmediate);
        signal.throwIfAborted();
        yield textEvent(String(progress.said % 10).repeat(16 * 1024));
      }
      yield finishedEvent();
    };
    return { generate, progress };
  }

  test("gets everything in the end, if it is not too far behind", async () => {
    // What the kernel's buffers do not take must stay below the relay's 1 MiB.
    const { generate } = torrent(60);
    const translator = await serveTranslator(generate);
    const { socket, text, received } = await connectRaw(translator);
    socket.pause();
    socket.write(rawRequest({ stream: true }));
    for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
    socket.resume();
    await received(/\r\n0\r\n\r\n$/);
    expect(contentOf(parseResponses(text())[0]!.body)).toHaveLength(60 * 16 * 1024);
  });

  test("that has caught up is not waited for when the next text comes", async () => {
    const script = createScript();
    const translator = await serveTranslator(script.generate);
    const { socket, text, received } = await connectRaw(translator);
    socket.write(rawRequest({ stream: true }));
    const call = await script.next();
    // More than the kernel takes at once, so that the socket asks to wait.
    const large = 4 * 1024 * 1024;
    call.push(startedEvent(), textEvent("x".repeat(large)));
    await received(/x"/);
    for (const more of ["a", "b"]) {
      call.push(textEvent(more));
      await received(new RegExp(`"content":"${more}"`));
    }
    call.push(finishedEvent());
    await received(/\r\n0\r\n\r\n$/);
    expect(contentOf(parseResponses(text())[0]!.body)).toHaveLength(large + 2);
  });

  test("is given up when more than the relay holds waits for it", async () => {
    const script = createScript();
    const translator = await serveTranslator(script.generate);
    const { socket } = await connectRaw(translator);
    socket.pause();
    socket.write(rawRequest({ stream: true }));
    const call = await script.next();
    call.push(startedEvent());
    let cancelled: unknown;
    void call.aborted.then((reason) => {
      cancelled = reason;
    });
    // Whatever the kernel takes on both sides, it is not this much.
    for (let piece = 0; piece < 4000 && cancelled === undefined; piece++) {
      call.push(textEvent("x".repeat(16 * 1024)));
      await new Promise(setImmediate);
    }
    expect(cancelled).toMatchObject({ kind: "cancelled" });
  });

  test("is cut when it takes nothing for longer than the limit", async () => {
    const clock = new FakeClock();
    const script = createScript();
    const translator = await serveTranslator(script.generate, { clock, stallTimeoutMs: 20_000 });
    const { socket } = await connectRaw(translator);
    socket.pause();
    socket.write(rawRequest({ stream: true }));
    const call = await script.next();
    call.push(startedEvent());
    const aborted = call.aborted.then(() => "aborted");
    for (let piece = 0; piece < 4000; piece++) {
      call.push(textEvent("x".repeat(16 * 1024)));
      await new Promise(setImmediate);
      if ((await Promise.race([aborted, Promise.resolve("open")])) === "aborted") break;
    }
    await aborted;
    await clock.advance(20_000);
    // On a clock that stands still, this resolves only when no connection is left.
    await translator.drain(60_000);
  });
});
