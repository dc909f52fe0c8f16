import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Clock, sleep } from "../clock.ts";
import { formatHostPort, parseHostPort } from "../config/host-port.ts";
import { MeshError, toMeshError } from "../errors/mesh-error.ts";
import { limitConnections } from "./limit-connections.ts";

/** Why a service cannot serve now; undefined when it can. */
export type WhyNotReady = () => string | undefined | Promise<string | undefined>;

/** How to start an operations server. */
export interface OpsServerOptions {
  readonly listen: string;
  readonly whyNotReady: WhyNotReady;
  readonly clock: Clock;
  readonly limits?: Partial<typeof defaultLimits>;
}

/** A running operations server. */
export interface OpsServer {
  /** With the actual port. */
  readonly address: string;
  /** Stops listening and cuts what is not answered shortly after. Resolves when nothing is open. */
  close(): Promise<void>;
}

/** Limits for its clients, which are probes. */
const defaultLimits = {
  connections: 32,
  /** A request must be complete within this time, in milliseconds; else its connection is closed. */
  requestTimeoutMs: 5000,
  keepAliveTimeoutMs: 5000,
  /** How long the readiness check may take, in milliseconds; after it, the service is not ready. */
  readinessTimeoutMs: 2000,
};

const headerLimitBytes = 8192;
/** How long open answers may take when the server closes, in milliseconds. */
const closeGraceMs = 250;

interface Answer {
  readonly status: number;
  readonly body: string;
}

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
 * Serves `/healthz` (the process runs) and `/readyz` (the service can serve) over plain HTTP without a key. Separate,
 * so that it answers when the service is full. Rejects with the system's error when it cannot listen.
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
  limitConnections(server, { total: limits.connections });
  // Also closes connections that send nothing, or whose client does not read.
  server.setTimeout(limits.requestTimeoutMs + limits.readinessTimeoutMs);
  server.listen(address.port, address.host);
  await once(server, "listening");

  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    const ended = once(server, "close");
    server.close();
    const cut = options.clock.after(closeGraceMs, () => server.closeAllConnections());
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
  const { status, body } =
    page === undefined
      ? toJson(404, { error: "not found", pages: Object.keys(pages) })
      : await page[1](options);
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
  });
  response.end(method === "HEAD" ? undefined : body);
}

/** Why the service is not ready; a check that fails or takes too long counts as not ready. */
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

const toJson = (status: number, value: unknown): Answer => ({ status, body: JSON.stringify(value) });
