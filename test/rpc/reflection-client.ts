import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { credentials, loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

interface Answer {
  listServicesResponse?: { service: { name: string }[] };
  fileDescriptorResponse?: { fileDescriptorProto: Uint8Array[] };
  errorResponse?: { errorMessage: string };
}

/** Asks one question of the reflection service, as grpcurl does. */
async function ask(address: string, question: Record<string, string>): Promise<Answer> {
  const home = dirname(createRequire(import.meta.url).resolve("@grpc/reflection/package.json"));
  const definition = loadSync(join(home, "build/proto/grpc/reflection/v1/reflection.proto"));
  const { grpc } = loadPackageDefinition(definition) as never as {
    grpc: { reflection: { v1: { ServerReflection: new (address: string, credentials: unknown) => never } } };
  };
  const client = new grpc.reflection.v1.ServerReflection(address, credentials.createInsecure()) as {
    ServerReflectionInfo(): NodeJS.ReadWriteStream & AsyncIterable<Answer>;
    close(): void;
  };
  try {
    const call = client.ServerReflectionInfo();
    call.write(question as never);
    call.end();
    for await (const answer of call) return answer as Answer;
    throw new Error("The reflection service ended without an answer.");
  } finally {
    client.close();
  }
}

/** Names of the services that a server offers. */
export async function listServices(address: string): Promise<string[]> {
  const { listServicesResponse } = await ask(address, { listServices: "*" });
  return listServicesResponse?.service.map(({ name }) => name) ?? [];
}

/** Names of the files that describe a symbol. */
export async function describeSymbol(address: string, symbol: string): Promise<string[]> {
  const { fileDescriptorResponse, errorResponse } = await ask(address, { fileContainingSymbol: symbol });
  if (fileDescriptorResponse === undefined) throw new Error(errorResponse?.errorMessage);
  return fileDescriptorResponse.fileDescriptorProto.map(
    (bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name,
  );
}
