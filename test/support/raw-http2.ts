import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect as connectTls } from "node:tls";

/** How a call over plain HTTP/2 went: no gRPC client would send what these tests send. */
export interface RawAnswer {
  /** Its `grpc-status`; undefined when there was none. */
  readonly status: string | undefined;
  readonly message: string;
  /** Bytes of the body that the connection took. */
  readonly sentBytes: number;
}

/** Who calls: nobody, or somebody with a certificate. */
export type Caller = { readonly cert?: string; readonly key?: string };

export function openSession(address: string, caller: Caller = {}): ClientHttp2Session {
  const session = connectHttp2(`https://${address}`, { rejectUnauthorized: false, ...caller });
  session.on("error", () => {});
  return session;
}

/** A gRPC message's head: whether it is compressed, and its length. */
export function messageHead(bytes: number, compressed = false): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed ? 1 : 0, 0);
  head.writeUInt32BE(bytes, 1);
  return head;
}

/** Sends chunks as the body of one gRPC call, until they end or the server has answered. */
export async function callRaw(
  session: ClientHttp2Session,
  path: string,
  chunks: Iterable<Buffer>,
  headers: Readonly<Record<string, string>> = {},
): Promise<RawAnswer> {
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  let status: string | undefined;
  let message = "";
  const read = (headers: Readonly<Record<string, unknown>>) => {
    status = (headers["grpc-status"] as string | undefined) ?? status;
    message = decodeURI((headers["grpc-message"] as string | undefined) ?? message);
  };
  stream
    .on("response", read)
    .on("trailers", read)
    .on("error", () => {})
    .resume();
  const closed = new Promise<void>((resolve) => stream.on("close", resolve));
  let sentBytes = 0;
  for (const chunk of chunks) {
    if (stream.destroyed || status !== undefined) break;
    if (!stream.write(chunk))
      await Promise.race([new Promise<void>((resolve) => stream.once("drain", resolve)), closed]);
    sentBytes += chunk.length;
  }
  if (!stream.destroyed) stream.end();
  await closed;
  return { status, message, sentBytes };
}

/** One HTTP/2 frame. */
export function frame(
  type: number,
  flags: number,
  streamId: number,
  body: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, body]);
}

/** The header block of a gRPC call, without compression. */
export function headerBlock(path: string): Buffer {
  const literal = (text: string) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);
  // From HPACK's static table: `:method: POST`, `:scheme: https`, and the names of `:path` and `content-type`.
  const parts = [Buffer.from([0x83, 0x87, 0x04]), literal(path), Buffer.from([0x0f, 0x10])];
  return Buffer.concat([...parts, literal("application/grpc")]);
}

/** Sends a flood of frames on a new connection. Resolves when the server has closed it. */
export async function flood(address: string, frames: Iterable<Buffer>, reads = true): Promise<void> {
  const [host, port] = address.split(":") as [string, string];
  const socket = connectTls({
    host,
    port: Number(port),
    ALPNProtocols: ["h2"],
    rejectUnauthorized: false,
  });
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  socket.on("error", () => {});
  if (reads) socket.resume();
  socket.write(Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(4, 0, 0)]));
  for (const bytes of frames) {
    if (socket.destroyed) break;
    if (!socket.write(bytes))
      await Promise.race([new Promise<void>((resolve) => socket.once("drain", resolve)), closed]);
  }
  await closed;
}
