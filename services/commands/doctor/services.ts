import { create, createFileRegistry } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { createClient, type Transport } from "@connectrpc/connect";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { type ProtocolRange, protocol, protocolFault } from "../../../core/protocol.ts";
import { RegistryService } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { RouterService } from "../../../gen/cxmpute/router/v1/router_pb.ts";
import { clockSkewLimitMs, nodeMessages } from "../../inference/node/messages.ts";
import { ask } from "./ask.ts";
import { type Check, type Finding, fault, ok, warning } from "./check.ts";

/** Whether the registry can be reached, accepts this machine, speaks our protocol, and has our time. */
export const checkRegistry: Check = async ({ registry, security }, signal) => {
  let sentAt = 0;
  const answer = await ask("registry", registry, security, signal, (transport, limited) => {
    sentAt = Date.now();
    return createClient(RegistryService, transport).describeRegistry({}, { signal: limited });
  });
  if ("finding" in answer) return [answer.finding];
  const { nowMs, protocolVersion, oldestProtocolVersion } = answer.value;
  const receivedAt = Date.now();
  // Only a node may renew a lease, even one that does not exist.
  const accepted = await ask("registry", registry, security, signal, (transport, limited) =>
    createClient(RegistryService, transport)
      .renewLease({ leaseId: "doctor" }, { signal: limited })
      .catch((error: unknown) => {
        if (!(error instanceof MeshError && error.kind === "invalid_request")) throw error;
      }),
  );
  return [
    ok("Registry", `${registry} answers in ${receivedAt - sentAt} ms`),
    ...("finding" in accepted ? [accepted.finding] : []),
    toProtocolFinding({ current: protocolVersion, oldest: oldestProtocolVersion }),
    toClockFinding((sentAt + receivedAt) / 2 - Number(nowMs)),
  ];
};

export function toProtocolFinding(reported: ProtocolRange): Finding {
  const cure = protocolFault({ other: "registry", self: "node" }, reported);
  return cure === undefined
    ? ok("Protocol", `registry and node both speak version ${Math.min(reported.current, protocol.current)}`)
    : fault("Protocol", "registry and node have no protocol version in common", cure);
}

/** `skewMs`: positive when this machine's clock is ahead. */
export function toClockFinding(skewMs: number): Finding {
  if (Math.abs(skewMs) <= clockSkewLimitMs)
    return ok("Clock", `differs from the registry's by ${(Math.abs(skewMs) / 1000).toFixed(1)} s`);
  const [says, cure] = nodeMessages.clockSkew(skewMs).split(/\. (?=Set)/) as [string, string];
  return fault("Clock", says, `${cure}.`);
}

/** Whether each router can be reached: a node that is not advertised dials all of them. */
export const checkRouters: Check = ({ routers, security }, signal) =>
  Promise.all(
    routers.map(async (router): Promise<Finding> => {
      const answer = await ask("router", router, security, signal, (transport, limited) =>
        isServing(transport, RouterService.typeName, limited),
      );
      if ("finding" in answer) return answer.finding;
      if (answer.value) return ok("Router", `${router} answers and takes requests`);
      const cure = "Nothing, if it is only restarting; else ask the operator.";
      return warning("Router", `${router} is shutting down`, cure);
    }),
  );

/** Whether a service takes requests, by `grpc.health.v1`. */
async function isServing(transport: Transport, service: string, signal: AbortSignal): Promise<boolean> {
  const client = createClient(health, transport) as unknown as {
    check(request: { service: string }, options: { signal: AbortSignal }): Promise<{ status: number }>;
  };
  return (await client.check({ service }, { signal })).status === serving;
}

/** SERVING in `HealthCheckResponse.ServingStatus`. */
const serving = 1;

/** The needed part of grpc/health/v1/health.proto, whose names break the lint rules of the mesh's own protos. */
const health = createFileRegistry(
  create(FileDescriptorProtoSchema, {
    name: "grpc/health/v1/health.proto",
    package: "grpc.health.v1",
    syntax: "proto3",
    messageType: [
      { name: "HealthCheckRequest", field: [field("service", FieldDescriptorProto_Type.STRING)] },
      // An enum, which is an int32 on the wire.
      { name: "HealthCheckResponse", field: [field("status", FieldDescriptorProto_Type.INT32)] },
    ],
    service: [
      {
        name: "Health",
        method: [
          {
            name: "Check",
            inputType: ".grpc.health.v1.HealthCheckRequest",
            outputType: ".grpc.health.v1.HealthCheckResponse",
          },
        ],
      },
    ],
  }),
  () => undefined,
).getService("grpc.health.v1.Health")!;

function field(name: string, type: FieldDescriptorProto_Type) {
  return { name, number: 1, type, label: FieldDescriptorProto_Label.OPTIONAL, jsonName: name };
}
