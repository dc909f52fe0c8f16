import { isLoopback } from "../../core/config/host-port.ts";
import type { Values } from "../../core/config/settings.ts";
import { toUtc } from "../../core/identity/certificate.ts";
import { formatJoinToken } from "../../core/identity/join-token.ts";
import { exitCodes, UserFault } from "../../core/lifecycle/user-fault.ts";
import { IdentityService } from "../../gen/cxmpute/registry/v1/identity_pb.ts";
import { callOnce } from "./grpc-call.ts";
import { parseDuration, type tokenSettings } from "./settings/clients.ts";

/** `cxmpute token create`: creates a join token and prints the command that uses it. */
export async function token(
  values: Values<typeof tokenSettings>,
  [verb, ...rest]: readonly string[],
): Promise<number> {
  if (verb !== "create" || rest.length > 0)
    throw new UserFault("usage: cxmpute token create [--uses 1] [--ttl 10m]", {
      exitCode: exitCodes.usage,
    });
  const { uses, ttl, json } = values;
  const { secret, authorityFingerprint, expiresAtMs } = await callOnce(
    { schema: IdentityService, name: "registry", address: values.registry, tls: values },
    (client, options) => client.createJoinToken({ uses, ttlMs: parseDuration(ttl)! }, options),
  );
  const registry = values.joinRegistry ?? values.registry;
  const routers = values.joinRouters.length > 0 ? values.joinRouters : values.routers;
  const text = formatJoinToken({ registry, routers, authorityFingerprint, secret });
  const expiresAt = toUtc(new Date(Number(expiresAtMs)));
  if (json) {
    const printed = { token: text, uses, expires_at: expiresAt, registry, routers };
    process.stdout.write(`${JSON.stringify(printed, null, 2)}\n`);
  } else {
    process.stdout.write(
      `This admits ${uses === 1 ? "one machine" : `${uses} machines`} until ${expiresAt}. On the machine:\n\n  cxmpute join --token ${text}\n\n`,
    );
    const local = [registry, ...routers].filter(isLoopback);
    if (local.length > 0)
      process.stdout.write(
        `It names ${local.join(" and ")}, which only this machine can reach. For other machines, set the addresses with\n--join-registry HOST:PORT and --join-router HOST:PORT.\n`,
      );
  }
  return exitCodes.ok;
}
