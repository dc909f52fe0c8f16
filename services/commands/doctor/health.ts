import { create, createFileRegistry } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { createClient, type Transport } from "@connectrpc/connect";

/** Whether a service takes requests, by `grpc.health.v1`. */
export async function isServing(
  transport: Transport,
  service: string,
  signal: AbortSignal,
): Promise<boolean> {
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
