import { toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "../../core/rpc/grpc-transport.ts";
import { RegistryService, WatchNodesResponseSchema } from "../../gen/cxmpute/registry/v1/registry_pb.ts";

/** What a watch has been told since it was last asked. */
export interface Told {
  readonly changes: number;
  readonly bytes: number;
}

/** A watch on a registry, as a router has one. */
export interface Watch {
  /** What came since the last call. */
  take(): Told;
  /** Size of a snapshot of now, in bytes. */
  snapshotBytes(): Promise<number>;
  close(): void;
}

/** Watches a registry and counts what it says. */
export function watch(address: string): Watch {
  const transport = createGrpcTransport({ address });
  const client = createClient(RegistryService, transport);
  const ending = new AbortController();
  let told = { changes: 0, bytes: 0 };
  const follow = async () => {
    for await (const word of client.watchNodes({}, { signal: ending.signal }))
      told = {
        changes: told.changes + 1,
        bytes: told.bytes + toBinary(WatchNodesResponseSchema, word).length,
      };
  };
  // It ends with `close`; that it ended before shows in the figures.
  follow().catch(() => {});
  return {
    take() {
      const since = told;
      told = { changes: 0, bytes: 0 };
      return since;
    },
    async snapshotBytes() {
      const once = new AbortController();
      for await (const word of client.watchNodes({}, { signal: once.signal })) {
        once.abort();
        return toBinary(WatchNodesResponseSchema, word).length;
      }
      return 0;
    },
    close() {
      ending.abort();
      transport.close();
    },
  };
}
