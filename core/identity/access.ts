import type { DescService } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { Role } from "./identity.ts";
import { demandRole, peerKey } from "./peer.ts";

/** The roles that may call each method of a service; `anybody` includes callers without a certificate. */
export type Access<S extends DescService> = {
  readonly [Method in keyof S["method"]]: readonly Role[] | "anybody";
};

/** Checks the roles of callers over TLS; handlers check which node a caller may act for (`demandSelf`). */
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
      if (roles !== "anybody") demandRole(context.values.get(peerKey), roles, localName);
      return handler(input, context);
    };
  }
  accesses.set(guarded, access);
  return guarded as ServiceImpl<S>;
}

const accesses = new WeakMap<object, Readonly<Record<string, readonly Role[] | "anybody">>>();

/** The roles that may call a method of an implementation that `restrict` made; else anybody. */
export const rolesOf = (implementation: object, localName: string): readonly Role[] | "anybody" =>
  accesses.get(implementation)?.[localName] ?? "anybody";

type Handler = (input: unknown, context: HandlerContext) => unknown;
