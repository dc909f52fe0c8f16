import { type Client, credentials, loadPackageDefinition } from "@grpc/grpc-js";
import { service } from "grpc-health-check";

/** A plain grpc-js client, as kubelet or grpcurl would be; nothing of the project's own is in between. */
function connect(
  address: string,
  authority?: Buffer,
): Client & Record<"check" | "watch", (...args: unknown[]) => unknown> {
  const Constructor = loadPackageDefinition({
    "grpc.health.v1.Health": service as never,
  } as never) as unknown as {
    grpc: { health: { v1: { Health: new (...args: unknown[]) => never } } };
  };
  return new Constructor.grpc.health.v1.Health(
    address,
    authority === undefined ? credentials.createInsecure() : credentials.createSsl(authority),
    // What plain clients check, where ours check identities.
    { "grpc.ssl_target_name_override": "localhost" },
  );
}

/** The status of a service: `SERVING`, `NOT_SERVING` or `UNKNOWN`; over TLS where an authority is given, PEM. */
export function check(address: string, name: string, authority?: Buffer): Promise<string> {
  const client = connect(address, authority);
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
