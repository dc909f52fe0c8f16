import { type DescFile, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { logVerbosity, Server, setLogVerbosity } from "@grpc/grpc-js";
import { ReflectionService } from "@grpc/reflection";
import { HealthImplementation } from "grpc-health-check";
import { MeshError } from "../errors/mesh-error.ts";
import { rolesOf } from "../identity/access.ts";
import type { LiveCredentials } from "../identity/credentials.ts";
import { trustedPeer } from "../identity/peer.ts";
import { shuttingDown } from "../lifecycle/lifecycle.ts";
import type { Log } from "../telemetry/log.ts";
import { Callers, type MethodRule } from "./callers.ts";
import type { Registration } from "./contract.ts";
import { toServiceImplementation } from "./grpc-handlers.ts";
import {
  keepalive,
  maxConcurrentStreams,
  maxMessageBytes,
  requestLimitBytes,
  smallMessageBytes,
} from "./limits.ts";
import { listenForSockets } from "./listen.ts";
import { readPeer } from "./peer.ts";
import { toServerCredentials } from "./tls.ts";

/** A gRPC server that listens. */
export interface GrpcServer {
  /** With the actual port. */
  readonly address: string;
  /** Sets the status in `grpc.health.v1` for the whole server (`""`) and each service. */
  setServing(serving: boolean): void;
  /** Reports not serving, waits up to `graceMs` for open calls, then aborts them. Resolves when none is open. */
  shutdown(graceMs: number): Promise<void>;
}

/** How to start a gRPC server. */
export interface GrpcServerOptions {
  /** HOST:PORT; port 0 takes any. */
  readonly listen: string;
  readonly services: readonly Registration[];
  /** For TLS; without them the server speaks plain text and trusts every caller. */
  readonly credentials?: LiveCredentials | undefined;
  readonly log: Log;
}

// grpc-js's own lines on stderr repeat, without context, what callers get as errors.
setLogVerbosity(logVerbosity.NONE);

/** How long handlers get to react to the abort of their context, in milliseconds. */
const abortGraceMs = 250;

/** Serves implementations over gRPC, with health and reflection. Throws when it cannot listen. */
export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const { services, credentials, log } = options;
  const callers = new Callers(credentials === undefined ? () => trustedPeer : readPeer, toRules(services));
  const server = new Server({
    ...keepalive,
    // `callers` sets the limit of each method.
    "grpc.max_receive_message_length": smallMessageBytes,
    "grpc.max_send_message_length": maxMessageBytes,
    "grpc.max_concurrent_streams": maxConcurrentStreams,
    interceptors: [callers.guard],
  });
  const shutdownStarted = new AbortController();
  for (const registration of services) {
    const { definition, handlers } = toServiceImplementation(registration, {
      shutdown: shutdownStarted.signal,
      peerOf: (call) => callers.peerOf(call),
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
        // `tryShutdown` waits for open watches for ever, so `shutdown` ends them.
        watch: (call: never) => {
          const watch = call as { end(): void; on(event: "cancelled", listener: () => void): void };
          watches.add(watch);
          watch.on("cancelled", () => watches.delete(watch));
          (implementation.watch as (call: never) => void)(call);
        },
      } as never),
  });
  new ReflectionService(toPackageDefinition(services)).addToServer(server);

  // Connections are accepted here and not by grpc-js, which has no limits for them.
  const injector = server.createConnectionInjector(toServerCredentials(credentials));
  const listener = await listenForSockets(options.listen, (socket) => {
    if (callers.admit(socket)) injector.injectConnection(socket);
  });
  const setServing = (serving: boolean) => {
    for (const name of names) health.setStatus(name, serving ? "SERVING" : "NOT_SERVING");
  };
  return {
    address: options.listen.replace(/:\d+$/, `:${listener.port}`),
    setServing,
    async shutdown(graceMs) {
      setServing(false);
      listener.close();
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
      callers.close();
    },
  };
}

function toRules(services: readonly Registration[]): Map<string, MethodRule> {
  return new Map(
    services.flatMap(({ service, implementation }) =>
      service.methods.map((method): [string, MethodRule] => [
        `/${service.typeName}/${method.name}`,
        {
          name: method.localName,
          roles: rolesOf(implementation, method.localName),
          requestLimitBytes: requestLimitBytes(method),
        },
      ]),
    ),
  );
}

type PackageDefinition = ConstructorParameters<typeof ReflectionService>[0];

/** For `@grpc/reflection`, which uses only the encoded file descriptors. */
function toPackageDefinition(services: readonly Registration[]): PackageDefinition {
  const files = new Set<DescFile>();
  const visit = (file: DescFile) => {
    if (files.has(file)) return;
    files.add(file);
    file.dependencies.forEach(visit);
  };
  for (const { service } of services) visit(service.file);
  const fileDescriptorProtos = [...files].map((file) =>
    Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)),
  );
  return { files: { format: "Protocol Buffer 3 DescriptorProto", type: {}, fileDescriptorProtos } } as never;
}
