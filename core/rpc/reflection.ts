import { type DescFile, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { ReflectionService } from "@grpc/reflection";
import type { Registration } from "./contract.ts";

type PackageDefinition = ConstructorParameters<typeof ReflectionService>[0];

/**
 * The services' files, as `@grpc/reflection` reads them: of a package definition it uses only the encoded file
 * descriptors, which protobuf-es has.
 */
export function toPackageDefinition(services: readonly Registration[]): PackageDefinition {
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
