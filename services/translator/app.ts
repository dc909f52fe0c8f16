import type { ServerOptions } from "node:http";
import type { Socket } from "node:net";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { limitConnections } from "../../core/http/limit-connections.ts";
import type { Surface } from "../../core/telemetry/generation-record.ts";
import type { GenerationOptions } from "./answers/generation-route.ts";
import { registerAnthropic } from "./anthropic/routes.ts";
import type { PrefixCache } from "./auth/cache-salt.ts";
import { type Authenticate, requireKey } from "./auth/require-key.ts";
import { type CatalogueSource, createCatalogueRoute } from "./catalogue/route.ts";
import { createChatRoute } from "./chat/route.ts";
import { createCompletionsRoute } from "./completions/route.ts";
import type { HttpTls, StoreLimits } from "./config.ts";
import { createEmbeddingsRoute } from "./embeddings/route.ts";
import { unknownUrl } from "./errors/http-faults.ts";
import { answerClientError, createSendError } from "./errors/send-error.ts";
import { registerHealth } from "./health.ts";
import { allowOrigin, answerPreflight } from "./http/cors.ts";
import { decorateRequests, pathOf, processingMs, requestIdOf } from "./http/request-context.ts";
import { addResource, registerAtMounts, takeJson } from "./http/resource.ts";
import type { KnownModels } from "./models/known-models.ts";
import type { ListModels } from "./models/model-list.ts";
import { registerModels } from "./models/routes.ts";
import { registerOpenApi } from "./openapi/register.ts";
import { createResponses } from "./responses/route.ts";

/** The parts and settings of the HTTP surface. */
export interface AppOptions extends Omit<GenerationOptions, "surface"> {
  readonly listModels: ListModels;
  readonly knownModels: KnownModels;
  readonly catalogue: CatalogueSource;
  readonly authenticate: Authenticate;
  readonly bodyLimitBytes: number;
  readonly tls?: HttpTls | undefined;
  readonly storeLimits?: StoreLimits;
  readonly prefixCache: PrefixCache;
}

/** Time for the headers of a request to arrive, in milliseconds. */
const headersTimeoutMs = 10_000;
/** Time for a whole request to arrive; generating the answer does not count. */
const requestTimeoutMs = 30_000;
const lateCheckMs = 2000;
/** Longer than load balancers keep idle connections (60 s), so that they are the ones to close. */
const keepAliveTimeoutMs = 72_000;
/** Connections at a time; at the limit, the one that has been idle for longest is closed. */
const connectionLimit = 10_000;
/** Time for a TLS handshake. */
const handshakeTimeoutMs = 10_000;
const maxParamLength = 512;

/**
 * The HTTP surface. The stages of a request, and the status that each can fail with:
 *
 *     socket ─ 400 408 431 ─▶ route ─ 404 ─▶ key ─ 401 ─▶ method ─ 405 ─▶ encoding, type ─ 415 ─▶ size ─ 413
 *       ─▶ JSON, parameters ─ 400 ─▶ generation ─ 400 404 429 499 5xx ─▶ first delta ─ 200 ─▶ end, or error event
 */
export function createApp(options: AppOptions): FastifyInstance {
  const { bodyLimitBytes, isDraining, clock } = options;
  const sendError = createSendError(options);
  const app = Fastify({
    bodyLimit: bodyLimitBytes,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    ...toServerOptions(options.tls),
    routerOptions: { maxParamLength },
    genReqId: ({ headers }) => requestIdOf(headers),
    // Fastify's own answers lack the envelope.
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) =>
      sendError(error, request as FastifyRequest, reply as FastifyReply),
    return503OnClosing: false,
    forceCloseConnections: true,
  });
  limitConnections(app.server, { total: connectionLimit });
  // Pipelined requests each listen for the end of their connection.
  for (const event of ["connection", "secureConnection"])
    app.server.on(event, (socket: Socket) => socket.setMaxListeners(0));

  decorateRequests(app, options.prefixCache);
  // Fastify's own would parse what is sent to any URL, without limits. Scopes that need bodies read them themselves.
  app.removeAllContentTypeParsers();
  app.setErrorHandler(sendError);
  app.setNotFoundHandler((request) => {
    throw unknownUrl(request.method, pathOf(request));
  });
  app.addHook("onRequest", (request, reply, next) => {
    request.receivedAt = clock.now();
    reply.header("x-request-id", request.id);
    if (request.method === "OPTIONS") return answerPreflight(request, reply);
    allowOrigin(request, reply);
    next();
  });
  app.addHook("onSend", (request, reply, payload, next) => {
    reply.header("openai-processing-ms", processingMs(request, clock));
    if (isDraining()) reply.header("connection", "close");
    next(null, payload);
  });

  registerHealth(app, options);
  registerOpenApi(app);
  const registerResponses = createResponses(onSurface("responses", options));
  registerAtMounts(app, (scope) => {
    registerOpenAiRoutes(scope, options);
    registerResponses(scope);
  });
  registerModels(app, options);
  registerAnthropic(app, onSurface("messages", options));
  return app;
}

const onSurface = (surface: Surface, options: AppOptions) => ({ ...options, surface });

/** Node's server options, under the name that makes Fastify choose HTTP or HTTPS. */
function toServerOptions(tls: HttpTls | undefined): { http: ServerOptions } {
  const options = { headersTimeout: headersTimeoutMs, connectionsCheckingInterval: lateCheckMs };
  if (tls === undefined) return { http: options };
  const keyPair = { cert: tls.certificate, key: tls.privateKey };
  const https = { ...options, ...keyPair, handshakeTimeout: handshakeTimeoutMs };
  // Fastify's types distinguish HTTP from HTTPS servers; nothing here does.
  return { https } as unknown as { http: ServerOptions };
}

function registerOpenAiRoutes(scope: FastifyInstance, options: AppOptions): void {
  scope.addHook("onRequest", requireKey(options.authenticate));
  takeJson(scope);
  addResource(scope, "/chat/completions", { POST: createChatRoute(onSurface("chat", options)) });
  addResource(scope, "/embeddings", { POST: createEmbeddingsRoute(onSurface("embeddings", options)) });
  addResource(scope, "/completions", { POST: createCompletionsRoute(onSurface("completions", options)) });
  addResource(scope, "/catalogue", { GET: createCatalogueRoute(options) });
}
