import type { DescService } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";

/**
 * A service and what answers it. Handlers have Connect's shape, so one implementation serves gRPC
 * (`startGrpcServer`), the own process (`createInProcessTransport`) and HTTP (the Connect plugin) alike.
 */
export interface Registration<S extends DescService = DescService> {
  readonly service: S;
  readonly implementation: ServiceImpl<S>;
}

/** Pairs a service with what answers it, with types checked. */
export const register = <S extends DescService>(
  service: S,
  implementation: ServiceImpl<S>,
): Registration => ({ service, implementation: implementation as ServiceImpl<DescService> });
