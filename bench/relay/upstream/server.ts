// The OpenAI-compatible server behind the peers, in its own process: `server.ts INTERVAL_MS`; sends its port to
// its parent. Its CPU time is nobody's figure, so it is lean: chunks are framed by hand and sent as one write.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { textOf, tokensOf } from "../text.ts";
import { alignedPacer, randomPacer } from "./pacer.ts";
import { completion, finishChunk, roleChunk, streamEnd, textChunk } from "./shapes.ts";

/** What a benchmark's request holds. */
interface Ask {
  readonly model: string;
  readonly stream?: boolean;
  readonly max_tokens: number;
  readonly messages: readonly { readonly content: string }[];
}

const intervalMs = Number(process.argv[2]);
const pacers = { aligned: alignedPacer(intervalMs), random: randomPacer(intervalMs) };

const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => answer(JSON.parse(Buffer.concat(parts).toString()) as Ask, request, response));
});
// Proxies keep connections between the rounds; closing an idle one under them would be a fault of ours.
server.keepAliveTimeout = 0;
server.listen(0, "127.0.0.1", 4096, () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on("disconnect", () => process.exit());

function answer(ask: Ask, request: IncomingMessage, response: ServerResponse): void {
  const prompt = ask.messages[0]?.content ?? "";
  if (ask.stream === true) {
    stream(ask, prompt, request, response);
    return;
  }
  const body = completion(ask.model, textOf(prompt, ask.max_tokens), ask.max_tokens);
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  response.end(body);
}

function stream(ask: Ask, prompt: string, request: IncomingMessage, response: ServerResponse): void {
  const { socket } = request;
  socket.setNoDelay(true);
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  response.flushHeaders();
  const token = tokensOf(prompt);
  let index = 0;
  const tick = () => {
    if (socket.destroyed) return false;
    const event = textChunk(ask.model, token(index));
    socket.write(framed(index === 0 ? roleChunk(ask.model) + event : event));
    index += 1;
    if (index < ask.max_tokens) return true;
    socket.write(framed(finishChunk(ask.model) + streamEnd));
    response.end();
    return false;
  };
  pacers[ask.model === "random" ? "random" : "aligned"].add({ tick });
}

/** One HTTP/1.1 chunk. */
function framed(data: string): string {
  return `${Buffer.byteLength(data).toString(16)}\r\n${data}\r\n`;
}
