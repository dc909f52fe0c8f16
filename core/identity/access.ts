import type { DescService } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { Role } from "./identity.ts";
import { demandRole } from "./peer.ts";

/** For each method of a service who may call it; `anybody` includes callers without a certificate. */
export type Access<S extends DescService> = {
  readonly [Method in keyof S["method"]]: readonly Role[] | "anybody";
};

/**
 * An implementation whose callers are looked at before its handlers see anything: those over TLS by their certificate's
 * role, those of this process and of a mesh without TLS not at all. What a role may do to which node is the
 * handlers' to check (`demandSelf`).
 */
export function restrict<S extends DescService>(
  service: S,
  implementation: ServiceImpl<S>,
  access: Access<S>,
): ServiceImpl<S> {
  const guarded: Record<string, Handler> = {};
  for (const { localName } of service.methods) {
    const handler = (implementation as Record<string, Handler | undefined>)[localName]?.bind(implementation);
    if (handler === undefined) continue;
    const roles = access[localName as keyof S["method"]];
    guarded[localName] = (input, context) => {
      if (roles !== "anybody") demandRole(context, roles, localName);
      return handler(input, context);
    };
  }
  return guarded as ServiceImpl<S>;
}

type Handler = (input: unknown, context: HandlerContext) => unknown;
