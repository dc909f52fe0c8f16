import { type Client, credentials, loadPackageDefinition } from "@grpc/grpc-js";
import { service } from "grpc-health-check";

/** A plain grpc-js client, as kubelet or grpcurl would be; nothing of the project's own is in between. */
function connect(address: string): Client & Record<"check" | "watch", (...args: unknown[]) => unknown> {
  const Constructor = loadPackageDefinition({
    "grpc.health.v1.Health": service as never,
  } as never) as unknown as {
    grpc: { health: { v1: { Health: new (address: string, credentials: unknown) => never } } };
  };
  return new Constructor.grpc.health.v1.Health(address, credentials.createInsecure());
}

/** The status of a service: `SERVING`, `NOT_SERVING` or `UNKNOWN`. */
export function check(address: string, name: string): Promise<string> {
  const client = connect(address);
  return new Promise<string>((resolve, reject) =>
    client.check({ service: name }, (error: unknown, answer: { status: string }) =>
      error === null ? resolve(answer.status) : reject(error),
    ),
  ).finally(() => client.close());
}

/** Every status of a service as it changes. */
export async function* watch(address: string, name: string): AsyncGenerator<string> {
  const client = connect(address);
  try {
    for await (const { status } of client.watch({ service: name }) as AsyncIterable<{ status: string }>)
      yield status;
  } finally {
    client.close();
  }
}
