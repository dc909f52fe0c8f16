import { describe, expect, test } from "vitest";
import { createScript, startedEvent, textEvent } from "../support/translator/translator.ts";
import { ask, connectRaw, rawRequest, serveTranslator } from "./support.ts";

const gone = expect.objectContaining({ kind: "cancelled" });

describe.each([{ stream: true }, { stream: false }])("with %j, the generation is cancelled", (more) => {
  test("when the client leaves before the first event", async () => {
    const script = createScript();
    const translator = await serveTranslator(script.generate);
    const leave = new AbortController();
    const response = ask(translator, more, { signal: leave.signal });
    const call = await script.next();
    leave.abort();
    await expect(response).rejects.toThrow();
    expect(await call.aborted).toEqual(gone);
  });

  test("when the client leaves while the answer comes", async () => {
    const script = createScript();
    const translator = await serveTranslator(script.generate);
    const leave = new AbortController();
    const response = ask(translator, more, { signal: leave.signal });
    response.catch(() => {});
    const call = await script.next();
    call.push(startedEvent(), textEvent("a"));
    if (more.stream) expect((await response).status).toBe(200);
    leave.abort();
    expect(await call.aborted).toEqual(gone);
  });

  test("and so are all that belong to one request", async () => {
    const script = createScript();
    const translator = await serveTranslator(script.generate);
    const connection = await connectRaw(translator);
    connection.socket.write(rawRequest({ ...more, n: 3 }));
    const calls = [await script.next(), await script.next(), await script.next()];
    calls[1]!.push(startedEvent(), textEvent("a"));
    connection.socket.destroy();
    expect(await Promise.all(calls.map(({ aborted }) => aborted))).toEqual([gone, gone, gone]);
  });

  test("when the client only closes its side", async () => {
    const script = createScript();
    const translator = await serveTranslator(script.generate);
    const connection = await connectRaw(translator);
    connection.socket.write(rawRequest(more));
    const call = await script.next();
    connection.socket.end();
    expect(await call.aborted).toEqual(gone);
  });
});

test("a request that waits behind another one on its connection is cancelled with it", async () => {
  const script = createScript();
  const translator = await serveTranslator(script.generate);
  const connection = await connectRaw(translator);
  connection.socket.write(rawRequest({ stream: true }) + rawRequest({ stream: true }));
  const [first, second] = [await script.next(), await script.next()];
  second.push(startedEvent(), textEvent("b"));
  connection.socket.destroy();
  expect(await Promise.all([first.aborted, second.aborted])).toEqual([gone, gone]);
});

test("nothing is left open after many clients have left", async () => {
  const script = createScript();
  const translator = await serveTranslator(script.generate);
  for (let index = 0; index < 50; index++) {
    const connection = await connectRaw(translator);
    connection.socket.write(rawRequest({ stream: index % 2 === 0 }));
    const call = await script.next();
    if (index % 3 === 0) call.push(startedEvent(), textEvent("x"));
    connection.socket.destroy();
    await call.aborted;
  }
  // Nothing open: it does not wait for the grace.
  await translator.drain(60_000);
});
