import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Clock, sleep } from "../clock.ts";
import { formatHostPort, parseHostPort } from "../config/host-port.ts";
import { MeshError, toMeshError } from "../errors/mesh-error.ts";

/** Says why a service cannot serve now; undefined when it can. */
export type WhyNotReady = () => string | undefined | Promise<string | undefined>;

/** What an operations server is made of. */
export interface OpsServerOptions {
  /** HOST:PORT; port 0 takes any. */
  readonly listen: string;
  readonly whyNotReady: WhyNotReady;
  readonly clock: Clock;
  readonly limits?: Partial<typeof defaultLimits>;
}

/** A running operations server. */
export interface OpsServer {
  /** HOST:PORT, with the port that it has. */
  readonly address: string;
  /** Takes nothing new, lets what is being answered finish for a moment, then cuts it. Resolves when nothing is open. */
  close(): Promise<void>;
}

/** What its clients may take: they are probes, which ask little and are near. */
const defaultLimits = {
  /** Connections at a time; more are dropped. */
  connections: 32,
  /** A request must have come within this time, in milliseconds; the connection of one that has not is closed. */
  requestTimeoutMs: 5000,
  /** An idle connection is kept so long, in milliseconds. */
  keepAliveTimeoutMs: 5000,
  /** What readiness may take to find out, in milliseconds; a service that does not know by then is not ready. */
  readinessTimeoutMs: 2000,
};

/** Bytes of a request's headers. */
const headerLimitBytes = 8192;
/** What is being answered when the server closes may take so long, in milliseconds. */
const lastWordsMs = 250;

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Every page that is served, by its path; metrics will be one of them. */
const pages: Readonly<Record<string, (options: OpsServerOptions) => Answer | Promise<Answer>>> = {
  "/healthz": () => toJson(200, { status: "ok", service: "cxmpute" }),
  "/readyz": async (options) => {
    const reason = await findReason(options);
    return reason === undefined
      ? toJson(200, { status: "ready" })
      : toJson(503, { status: "not ready", reason });
  },
};

/**
 * Serves what operators and their probes ask of a process, over plain HTTP and without a key: `/healthz` says that it
 * lives, `/readyz` whether it can serve. Apart from the service's own server, so that a service that is full, or
 * speaks something else, can be asked too. Rejects with the system's error when it cannot listen.
 */
export async function startOpsServer(options: OpsServerOptions): Promise<OpsServer> {
  const limits = { ...defaultLimits, ...options.limits };
  const address = parseHostPort(options.listen);
  if (address === undefined)
    throw new MeshError("invalid_request", `Cannot listen on ${options.listen}: it is not HOST:PORT.`);
  const server = createServer(
    {
      headersTimeout: limits.requestTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.min(1000, limits.requestTimeoutMs),
      maxHeaderSize: headerLimitBytes,
    },
    (request, response) => void respond(request, response, { ...options, limits }),
  );
  server.maxConnections = limits.connections;
  // Also of a connection on which nothing ever comes, or whose client does not read.
  server.setTimeout(limits.requestTimeoutMs + limits.readinessTimeoutMs);
  server.listen(address.port, address.host);
  await once(server, "listening");

  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    const ended = once(server, "close");
    server.close();
    const cut = options.clock.after(lastWordsMs, () => server.closeAllConnections());
    await ended;
    cut.cancel();
  };
  const { port } = server.address() as AddressInfo;
  return {
    address: formatHostPort({ host: address.host, port }),
    close: () => (closed ??= close()),
  };
}

async function respond(
  { method, url = "/" }: IncomingMessage,
  response: ServerResponse,
  options: OpsServerOptions,
): Promise<void> {
  const path = url.split("?", 1)[0]!;
  const page =
    method === "GET" || method === "HEAD" ? Object.entries(pages).find(([at]) => at === path) : undefined;
  const { status, contentType, body } =
    page === undefined
      ? toJson(404, { error: "not found", pages: Object.keys(pages) })
      : await page[1](options);
  response.writeHead(status, {
    "content-type": contentType,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
  });
  response.end(method === "HEAD" ? undefined : body);
}

/** Why the service is not ready, or cannot say so in time. */
async function findReason({ whyNotReady, clock, limits }: OpsServerOptions): Promise<string | undefined> {
  const timeoutMs = limits?.readinessTimeoutMs ?? defaultLimits.readinessTimeoutMs;
  const waiting = new AbortController();
  const late = sleep(clock, timeoutMs, waiting.signal).then(
    () => `The service did not report its state within ${timeoutMs} ms.`,
    () => undefined,
  );
  try {
    return await Promise.race([whyNotReady(), late]);
  } catch (error) {
    return `The service cannot report its state: ${toMeshError(error).message}`;
  } finally {
    waiting.abort();
  }
}

const toJson = (status: number, value: unknown): Answer => ({
  status,
  contentType: "application/json; charset=utf-8",
  body: JSON.stringify(value),
});
