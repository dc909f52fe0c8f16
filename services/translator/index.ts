import type { AddressInfo } from "node:net";
import { Server as TlsServer } from "node:tls";
import type { Transport } from "@connectrpc/connect";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import { loadCatalogue } from "../../core/catalogue/load-catalogue.ts";
import type { Clock } from "../../core/clock.ts";
import { formatHostPort, parseHostPort } from "../../core/config/host-port.ts";
import { MeshError } from "../../core/errors/mesh-error.ts";
import { shuttingDown } from "../../core/lifecycle/lifecycle.ts";
import { toListenFault } from "../../core/lifecycle/listen-fault.ts";
import type { SilentGeneration } from "../../core/relay/contract.ts";
import { MoveLimit } from "../../core/relay/move-limit.ts";
import { logGenerations, notifyAll, type OnGenerationEnd } from "../../core/telemetry/generation-record.ts";
import type { Log } from "../../core/telemetry/log.ts";
import { createApp } from "./app.ts";
import { createAuthenticate } from "./auth/keys.ts";
import {
  defaultBodyLimitBytes,
  defaultStallTimeoutMs,
  defaultStoreLimits,
  type HttpTls,
  type TranslatorConfig,
} from "./config.ts";
import { registerConnect } from "./connect.ts";
import { whyNotReady } from "./health.ts";
import { ServerDrain } from "./http/drain-server.ts";
import { OpenRequests } from "./http/open-requests.ts";
import { SseStreams } from "./http/sse-streams.ts";
import { createImageFetcher } from "./images/image-fetcher.ts";
import { KnownModels } from "./models/known-models.ts";
import { cacheModels } from "./models/model-list.ts";
import { RouterLink } from "./routers/router-link.ts";
import { createRouterPool } from "./routers/router-pool.ts";

export type { ApiKey } from "./auth/keys.ts";
export type { TranslatorConfig } from "./config.ts";

export interface TranslatorOptions {
  readonly routers: readonly Transport[];
  readonly config: TranslatorConfig;
  readonly clock: Clock;
  readonly log: Log;
  /** Called at the end of each generation, on every surface; default: the log. */
  readonly onGenerationEnd?: readonly OnGenerationEnd[];
  readonly random?: () => number;
}

/** The HTTP service in front of the mesh. */
export interface Translator {
  /** Starts serving. Resolves with the root URL. Throws a MeshError that says what to do when it cannot listen. */
  listen(): Promise<string>;
  /** Uses another certificate for new connections. Throws, and keeps the old one, when it is invalid. HTTPS only. */
  replaceTls(tls: HttpTls): void;
  /** Why no model can be served now; undefined when one can. */
  whyNotReady(): Promise<string | undefined>;
  /**
   * Reports not ready, stops accepting connections, lets open answers finish for up to `graceMs`, then fails them.
   * Resolves when nothing is left open.
   */
  drain(graceMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Creates a translator. It connects to the routers at once and serves requests after `listen`. */
export async function createTranslator(options: TranslatorOptions): Promise<Translator> {
  const { routers, config, clock, log, random = Math.random } = options;
  const { bodyLimitBytes = defaultBodyLimitBytes, stallTimeoutMs = defaultStallTimeoutMs } = config;
  const moves = new MoveLimit();
  /** Whether another router can continue an answer of a silent one. */
  const mayMove = (silent: RouterLink, generation: SilentGeneration): boolean =>
    moves.tryMove(generation, () =>
      links.some((link) => link !== silent && link.connected && !link.suspected && !link.draining),
    );
  const links: readonly RouterLink[] = routers.map(
    (transport, index) =>
      new RouterLink({ transport, name: `router ${index + 1}`, clock, log, random, mayMove }),
  );
  const pool = createRouterPool({ links, clock, log });
  const knownModels = new KnownModels();
  const listModels = cacheModels(async () => {
    const models = await pool.listModels();
    knownModels.see(models);
    return models;
  }, clock);
  const openRequests = new OpenRequests();
  const authenticate = createAuthenticate(config.keys);
  const shutdown = new AbortController();
  const onGenerationEnd = notifyAll(options.onGenerationEnd ?? [logGenerations(log)], log);
  const shared = {
    generate: pool.generate,
    listModels,
    knownModels,
    authenticate,
    bodyLimitBytes,
    onGenerationEnd,
    clock,
    log,
  };
  let draining = false;
  let catalogue: Catalogue | undefined;

  const app = createApp({
    ...shared,
    fetchImages: config.fetchImages ? createImageFetcher(clock) : undefined,
    strictKeys: config.strictKeys,
    prefixCache: config.prefixCache ?? "user",
    storeLimits: config.storeLimits ?? defaultStoreLimits,
    catalogue: () => (catalogue ??= loadCatalogue()),
    openRequests,
    sseStreams: new SseStreams(clock, stallTimeoutMs),
    tls: config.tls,
    isDraining: () => draining,
  });
  registerConnect(app, {
    ...shared,
    surface: "connect",
    explainRoute: pool.explainRoute,
    shutdownSignal: shutdown.signal,
  });
  await app.ready();
  const serverDrain = new ServerDrain(app.server, clock);

  const end = async (graceMs: number) => {
    draining = true;
    await serverDrain.drain(graceMs, (reason) => {
      openRequests.abortAll(reason);
      shutdown.abort(reason);
    });
    await app.close();
    for (const link of links) link.close(new MeshError("cancelled", shuttingDown));
  };
  return {
    async listen() {
      const address = parseHostPort(config.listen);
      if (address === undefined)
        throw new MeshError("invalid_request", `Cannot listen on ${config.listen}: it is not HOST:PORT.`);
      await app.listen(address).catch((error: unknown) => {
        throw toListenFault(error, config.listen);
      });
      const scheme = config.tls === undefined ? "http" : "https";
      const host = reachable[address.host] ?? address.host;
      return `${scheme}://${formatHostPort({ host, port: (app.server.address() as AddressInfo).port })}`;
    },
    replaceTls({ certificate, privateKey }) {
      if (app.server instanceof TlsServer)
        app.server.setSecureContext({ cert: certificate, key: privateKey });
    },
    whyNotReady: async () => (draining ? shuttingDown : whyNotReady(listModels)),
    drain: end,
    close: () => end(0),
  };
}

/** What clients on this machine connect to instead of a wildcard address. */
const reachable: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };
