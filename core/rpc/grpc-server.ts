import { logVerbosity, Server, type ServerCredentials, setLogVerbosity } from "@grpc/grpc-js";
import { ReflectionService } from "@grpc/reflection";
import { HealthImplementation } from "grpc-health-check";
import { MeshError } from "../errors/mesh-error.ts";
import type { LiveCredentials } from "../identity/credentials.ts";
import { trustedPeer } from "../identity/peer.ts";
import { shuttingDown } from "../lifecycle/lifecycle.ts";
import type { Log } from "../telemetry/log.ts";
import type { Registration } from "./contract.ts";
import { toServiceImplementation } from "./grpc-handlers.ts";
import { keepalive, maxMessageBytes } from "./limits.ts";
import { readPeer } from "./peer.ts";
import { toPackageDefinition } from "./reflection.ts";
import { toServerCredentials } from "./tls.ts";

/** A gRPC server that listens. */
export interface GrpcServer {
  /** HOST:PORT that it really listens on. */
  readonly address: string;
  /** What `grpc.health.v1` answers, for the whole server (`""`) and for each service. */
  setServing(serving: boolean): void;
  /**
   * Says not serving, takes no new calls, waits up to `graceMs` for the open ones, then aborts their contexts
   * and shortly after cuts what is left. Resolves when nothing is left.
   */
  shutdown(graceMs: number): Promise<void>;
}

/** What to serve, and where. */
export interface GrpcServerOptions {
  /** HOST:PORT; port 0 takes any. */
  readonly listen: string;
  readonly services: readonly Registration[];
  /** Serves over TLS with these; without them in plain text, where every caller is trusted. */
  readonly credentials?: LiveCredentials | undefined;
  readonly log: Log;
}

// Its own lines on stderr repeat, without context, what callers get as errors.
setLogVerbosity(logVerbosity.NONE);

/** Milliseconds that handlers get to react to the abort of their context. */
const abortGraceMs = 250;

/** Serves implementations over gRPC, with health and reflection beside them. Throws when it cannot listen. */
export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const { services, credentials, log } = options;
  const server = new Server({
    ...keepalive,
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": maxMessageBytes,
  });
  const shutdownStarted = new AbortController();
  for (const registration of services) {
    const { definition, handlers } = toServiceImplementation(registration, {
      shutdown: shutdownStarted.signal,
      peerOf: credentials === undefined ? () => trustedPeer : readPeer,
      log,
    });
    server.addService(definition, handlers);
  }

  const names = ["", ...services.map(({ service }) => service.typeName)];
  const health = new HealthImplementation(Object.fromEntries(names.map((name) => [name, "SERVING"])));
  const watches = new Set<{ end(): void }>();
  health.addToServer({
    addService: (definition, implementation) =>
      server.addService(definition, {
        ...(implementation as never as Record<string, never>),
        // `tryShutdown` waits for open watches for ever, so they are kept to be ended.
        watch: (call: never) => {
          const watch = call as { end(): void; on(event: "cancelled", listener: () => void): void };
          watches.add(watch);
          watch.on("cancelled", () => watches.delete(watch));
          (implementation.watch as (call: never) => void)(call);
        },
      } as never),
  });
  new ReflectionService(toPackageDefinition(services)).addToServer(server);

  const port = await bind(server, options.listen, toServerCredentials(credentials));
  const setServing = (serving: boolean) => {
    for (const name of names) health.setStatus(name, serving ? "SERVING" : "NOT_SERVING");
  };
  return {
    address: options.listen.replace(/:\d+$/, `:${port}`),
    setServing,
    async shutdown(graceMs) {
      setServing(false);
      for (const watch of watches) watch.end();
      const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      const abort = setTimeout(
        () => shutdownStarted.abort(new MeshError("node_lost", shuttingDown)),
        graceMs,
      );
      const cut = setTimeout(() => {
        server.forceShutdown();
      }, graceMs + abortGraceMs);
      const forced = new Promise<void>((resolve) => setTimeout(resolve, graceMs + 2 * abortGraceMs).unref());
      await Promise.race([closed, forced]);
      clearTimeout(abort);
      clearTimeout(cut);
      shutdownStarted.abort(new MeshError("node_lost", shuttingDown));
    },
  };
}

function bind(server: Server, listen: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(listen, credentials, (error, port) => {
      if (error === null) return resolve(port);
      const busy = /EADDRINUSE/.test(error.message);
      const code = /\bE[A-Z]{3,}\b/.exec(error.message)?.[0];
      reject(
        Object.assign(
          new MeshError(
            "invalid_request",
            busy
              ? `${listen} is already in use: another program listens there. Stop it, or choose another address with --listen HOST:PORT.`
              : `Cannot listen on ${listen}: ${error.message}. Choose another address with --listen HOST:PORT.`,
            { cause: error },
          ),
          { systemCode: code },
        ),
      );
    });
  });
}
