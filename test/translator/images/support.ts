import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from "node:http";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import { create } from "@bufbuild/protobuf";
import { onTestFinished } from "vitest";
import { type Clock, systemClock } from "../../../core/clock.ts";
import { type Image, ImageSchema } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { wrongImage } from "../../../services/translator/errors/param-faults.ts";
import type { Network } from "../../../services/translator/images/fetch-image.ts";
import { createImageFetcher } from "../../../services/translator/images/image-fetcher.ts";
import {
  addRemote,
  parseAddress,
  type RemoteImage,
} from "../../../services/translator/images/parse-image.ts";

/** The smallest pictures of their kinds, as far as anybody looks here. */
export const pictures = {
  png: Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "base64",
  ),
  jpeg: Buffer.from("ffd8ffe000104a4649460001", "hex"),
  gif: Buffer.from("GIF89a\x01\x00\x01\x00", "latin1"),
  webp: Buffer.from("RIFF\x10\x00\x00\x00WEBPVP8 ", "latin1"),
};

/** A server on the loopback interface, and who has come to it. */
export interface PictureServer {
  readonly port: number;
  /** In order; `from` is the address that was connected to. */
  readonly requests: { url: string; headers: IncomingHttpHeaders; to: string; servername?: string }[];
  /** How many have connected, whether or not they asked anything. */
  readonly connections: () => number;
  /** How many connections are open. */
  readonly open: () => Promise<number>;
}

/** Serves until the test has finished. */
export async function servePictures(
  listener: RequestListener,
  tls?: { key: string; cert: string },
): Promise<PictureServer> {
  const requests: PictureServer["requests"] = [];
  let connections = 0;
  const handle: RequestListener = (request, response) => {
    const socket = request.socket as typeof request.socket & { servername?: string };
    const { servername } = socket;
    requests.push({
      url: request.url ?? "",
      headers: request.headers,
      to: socket.localAddress ?? "",
      ...(servername ? { servername } : {}),
    });
    listener(request, response);
  };
  const server: Server = tls === undefined ? createServer(handle) : https.createServer(tls, handle);
  server.on("connection", () => connections++);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const open = () =>
    new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
  return { port: (server.address() as AddressInfo).port, requests, connections: () => connections, open };
}

/** Answers with a picture, said to be of this type. */
export const sending =
  (body: Uint8Array, type = "image/png", headers: Record<string, string> = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(200, { "content-type": type, ...headers });
    response.end(body);
  };

/** A network in which only 127.0.0.1 is public, and every name leads there; it notes who is asked for. */
export function loopbackNetwork(names: Record<string, readonly string[][]> = {}) {
  const asked: string[] = [];
  const network: Network = {
    async resolveName(name) {
      asked.push(name);
      const answers = names[name];
      if (answers === undefined) return ["127.0.0.1"];
      return answers[Math.min(asked.filter((other) => other === name).length, answers.length) - 1] ?? [];
    },
    isAllowed: (address) => address === "127.0.0.1",
  };
  return { network, asked };
}

const never = new AbortController().signal;

/** Fetches pictures as a request would that names them. */
export async function fetchAll(
  urls: readonly string[],
  { network = loopbackNetwork().network, clock = systemClock as Clock, signal = never } = {},
): Promise<Image[]> {
  const remote: RemoteImage[] = [];
  const images = urls.map(() => create(ImageSchema));
  for (const [index, url] of urls.entries())
    addRemote(remote, {
      url: parseAddress(url),
      image: images[index]!,
      toFault: wrongImage(`images[${index}]`),
    });
  await createImageFetcher(clock, network)(remote, signal);
  return images;
}
