import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { type Clock, systemClock } from "../../core/clock.ts";
import type { Generate } from "../../core/generate.ts";
import { serveRelay } from "../../core/relay/server.ts";
import { register } from "../../core/rpc/contract.ts";
import { createInProcessTransport } from "../../core/rpc/in-process-transport.ts";
import type { OnGenerationEnd } from "../../core/telemetry/generation-record.ts";
import { silentLog } from "../../core/telemetry/log.ts";
import { type RelayRequest, RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import type { TranslatorConfig } from "../../services/translator/config.ts";
import { createTranslator, type Translator } from "../../services/translator/index.ts";
import { bearer, modelOf, question, testKey, testUser } from "../support/translator/translator.ts";

/** A translator on a real port, in front of a router that is one function. */
export interface ServedTranslator extends Translator {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly port: number;
}

/** Serves until the test has finished. */
export async function serveTranslator(
  generate: Generate,
  {
    clock = systemClock,
    onGenerationEnd,
    ...config
  }: Partial<TranslatorConfig> & { clock?: Clock; onGenerationEnd?: OnGenerationEnd } = {},
): Promise<ServedTranslator> {
  const router = createInProcessTransport([
    register(RouterService, {
      async *generate({ generation }, { signal }) {
        for await (const event of generate(generation!, signal)) yield { event };
      },
      async *relay(requests, { signal }) {
        const options = { generate, frames: framesOf(requests), signal, clock };
        for await (const frame of serveRelay(options)) yield { frame };
      },
      async *attach() {},
      listModels: () => ({ models: [modelOf("m")] }),
      explainRoute: ({ generation }) => ({ verdicts: [{ reason: generation?.caller?.userId ?? "" }] }),
    }),
  ]);
  const translator = await createTranslator({
    routers: [router],
    config: { listen: "127.0.0.1:0", keys: [{ key: testKey, userId: testUser }], ...config },
    clock,
    log: silentLog,
    ...(onGenerationEnd === undefined ? {} : { onGenerationEnd: [onGenerationEnd] }),
  });
  onTestFinished(() => translator.close());
  const url = await translator.listen();
  return { ...translator, url, port: Number(new URL(url).port) };
}

async function* framesOf(requests: AsyncIterable<RelayRequest>) {
  for await (const { frame } of requests) if (frame !== undefined) yield frame;
}

/** Asks for a completion with `fetch`. */
export const ask = ({ url }: ServedTranslator, more: Record<string, unknown> = {}, init: RequestInit = {}) =>
  fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { ...bearer, "content-type": "application/json" },
    body: JSON.stringify(question(more)),
    ...init,
  });

/** A connection that a test writes to by hand. */
export interface RawConnection {
  readonly socket: Socket;
  /** Everything that has come so far. */
  text(): string;
  /** Resolves once what has come matches. */
  received(pattern: RegExp): Promise<void>;
  readonly closed: Promise<unknown>;
}

/** Connects without any HTTP client in between. */
export async function connectRaw({ port }: ServedTranslator): Promise<RawConnection> {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  let text = "";
  socket.on("data", (bytes) => {
    text += bytes.toString("utf8");
  });
  socket.on("error", () => {});
  const closed = once(socket, "close");
  await once(socket, "connect");
  return {
    socket,
    text: () => text,
    async received(pattern) {
      while (!pattern.test(text)) await Promise.race([once(socket, "data"), closed]);
    },
    closed,
  };
}

/** A request for a completion, as it stands on the wire. */
export function rawRequest(more: Record<string, unknown> = {}, version = "1.1"): string {
  const body = JSON.stringify(question(more));
  const head = [
    `POST /v1/chat/completions HTTP/${version}`,
    "host: localhost",
    `authorization: ${bearer.authorization}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}

/** The responses in what came over a connection: status line, and the body with its chunks joined. */
export function parseResponses(text: string): { status: number; head: string; body: string }[] {
  const responses = [];
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    const end = rest.indexOf("\r\n\r\n");
    const head = rest.subarray(0, end).toString();
    rest = rest.subarray(end + 4);
    const pieces: Buffer[] = [];
    if (/transfer-encoding: chunked/i.test(head))
      for (;;) {
        const line = rest.indexOf("\r\n");
        const length = Number.parseInt(rest.subarray(0, line).toString(), 16);
        if (Number.isNaN(length)) throw new Error(`No chunk: ${rest.subarray(0, 40)}`);
        pieces.push(rest.subarray(line + 2, line + 2 + length));
        if (rest.subarray(line + 2 + length, line + 4 + length).toString() !== "\r\n")
          throw new Error("Bad chunk.");
        rest = rest.subarray(line + 4 + length);
        if (length === 0) break;
      }
    else {
      const length = /content-length: (\d+)/i.exec(head)?.[1];
      const size = length === undefined ? rest.length : Number(length);
      pieces.push(rest.subarray(0, size));
      rest = rest.subarray(size);
    }
    responses.push({ status: Number(head.split(" ")[1]), head, body: Buffer.concat(pieces).toString() });
  }
  return responses;
}
