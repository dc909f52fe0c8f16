import type { DescService } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";

/** A service and its implementation, in Connect's shape: it serves gRPC, the same process and HTTP alike. */
export interface Registration<S extends DescService = DescService> {
  readonly service: S;
  readonly implementation: ServiceImpl<S>;
}

/** Pairs a service with its implementation, with types checked. */
export const register = <S extends DescService>(
  service: S,
  implementation: ServiceImpl<S>,
): Registration => ({ service, implementation: implementation as ServiceImpl<DescService> });
