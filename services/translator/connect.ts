import { create, type DescMethod } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createContextKey,
  createContextValues,
  type HandlerContext,
  type ServiceImpl,
} from "@connectrpc/connect";
import { errorToJson } from "@connectrpc/connect/protocol-connect";
import { fastifyConnectPlugin } from "@connectrpc/connect-fastify";
import type { FastifyInstance } from "fastify";
import { MeshError, toMeshError } from "../../core/errors/mesh-error.ts";
import { withoutReserved } from "../../core/generation/reserved-fields.ts";
import { toConnectError } from "../../core/rpc/status.ts";
import {
  CallerSchema,
  type Generation,
  type GenerationEvent,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import type { GenerationOptions } from "./answers/generation-route.ts";
import { type AnswerReading, iterateAnswer } from "./answers/read-answer.ts";
import { type Authenticate, requireKey } from "./auth/require-key.ts";
import { reportBug } from "./errors/send-error.ts";
import { measuredBody } from "./http/connect-body.ts";
import { callerOf, checkHops, newId, pathOf } from "./http/request-context.ts";
import type { RouterPool } from "./routers/router-pool.ts";

interface ConnectOptions
  extends AnswerReading,
    Pick<GenerationOptions, "log">,
    Pick<RouterPool, "listModels" | "explainRoute"> {
  readonly authenticate: Authenticate;
  readonly bodyLimitBytes: number;
  /** Aborts open calls when the server shuts down. */
  readonly shutdownSignal: AbortSignal;
}

/** The methods with one message from the client, by path. */
const methods = new Map<string, DescMethod>(
  RouterService.methods
    .filter(({ methodKind }) => methodKind === "unary" || methodKind === "server_streaming")
    .map((method) => [`/${RouterService.typeName}/${method.name}`, method] as const),
);

const callerKey = createContextKey(create(CallerSchema));
const operatorKey = createContextKey(false);

/**
 * `RouterService` for Connect, gRPC-Web and gRPC clients, behind the same keys as the OpenAI routes. `Relay` and
 * `Attach` serve the mesh's own processes and answer "unimplemented" here.
 */
export function registerConnect(app: FastifyInstance, options: ConnectOptions): void {
  const { authenticate, bodyLimitBytes, shutdownSignal } = options;
  app.register((scope, _options, done) => {
    // Before the call is read; Connect's interceptors run later.
    scope.addHook("onRequest", requireKey(authenticate));
    scope.setErrorHandler((thrown, request, reply) => {
      const error = toMeshError(thrown);
      reportBug(options.log, error, request.id);
      void reply.code(error.row.http).send(errorToJson(toConnectError(error), undefined));
    });
    scope.addHook("preHandler", async (request) => {
      const method = methods.get(pathOf(request));
      if (method !== undefined) request.body = measuredBody(request, method.input, bodyLimitBytes);
    });
    scope.register(fastifyConnectPlugin, {
      // A compressed message could not be measured before it is decompressed.
      acceptCompression: [],
      routes: (router) => router.service(RouterService, implement(options)),
      contextValues: (request) =>
        createContextValues()
          .set(callerKey, callerOf(request))
          .set(operatorKey, request.principal.role === "operator"),
      readMaxBytes: bodyLimitBytes,
      shutdownSignal,
    });
    done();
  });
}

function implement(options: ConnectOptions): Partial<ServiceImpl<typeof RouterService>> {
  /** Reports bugs and masks them. */
  const fail = (thrown: unknown, context: HandlerContext): never => {
    reportBug(options.log, thrown, context.values.get(callerKey).requestId);
    throw toConnectError(toMeshError(thrown));
  };
  return {
    async *generate({ generation }, context) {
      try {
        for await (const event of iterateAnswer(options, withCaller(generation, context), context.signal))
          yield { event: context.values.get(operatorKey) ? event : withoutNodes(event) };
      } catch (thrown) {
        fail(thrown, context);
      }
    },
    async listModels(_request, context) {
      const models = await options.listModels().catch((thrown: unknown) => fail(thrown, context));
      return { models: [...models] };
    },
    async explainRoute({ generation }, context) {
      if (!context.values.get(operatorKey)) throw new ConnectError(onlyOperators, Code.PermissionDenied);
      try {
        return await options.explainRoute(withCaller(generation, context), context.signal);
      } catch (thrown) {
        return fail(thrown, context);
      }
    },
  };
}

const onlyOperators =
  "ExplainRoute shows the nodes of the mesh, so it is only for operators: use a key with the role operator, or ask a router with `cxmpute explain`.";

/** An event as callers see it: the nodes are known to operators only. */
function withoutNodes(message: GenerationEvent): GenerationEvent {
  const { event } = message;
  if (event.case === "started")
    return { ...message, event: { case: "started", value: { ...event.value, nodeId: "" } } };
  if (event.case !== "finished" || event.value.continuations.length === 0) return message;
  const continuations = event.value.continuations.map((one) => ({ ...one, nodeId: "" }));
  return { ...message, event: { case: "finished", value: { ...event.value, continuations } } };
}

/**
 * A generation with its own id and the verified caller, and without the fields that only the mesh may set. Routers
 * check the rest.
 */
function withCaller(generation: Generation | undefined, context: HandlerContext): Generation {
  if (generation === undefined)
    throw new MeshError("invalid_request", "The request carries no generation.", { param: "generation" });
  const caller = context.values.get(callerKey);
  checkHops(caller);
  return { ...withoutReserved(generation, "client"), id: newId("gen-"), caller };
}
