import { z } from "zod";
import { hostPort } from "../../../core/config/host-port.ts";
import { defineSettings } from "../../../core/config/settings.ts";
import { json, optionalAddress, registryAddress, routerAddresses, setting } from "./parts.ts";
import { checkTls, tls } from "./tls.ts";

// The settings of the commands for identities.

export const tlsSettings = defineSettings("tls", {
  hosts: setting({
    schema: z
      .array(z.string().regex(/^[A-Za-z0-9.:*-]+$/, "expected a name or an address, such as mesh.example"))
      .describe("a name or an address"),
    default: [],
    name: "host",
    placeholder: "HOST",
    help: "A host name or address of the services, for clients that verify it, such as grpcurl; the mesh itself verifies identities.",
  }),
  days: setting({
    schema: z.int().min(1).max(36_500),
    default: 3650,
    placeholder: "N",
    help: "How long the certificates are valid.",
  }),
});

/** A duration such as `90s` or `10m`, in milliseconds; undefined for any other text. */
export function parseDuration(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,6})(s|m|h)$/.exec(text) ?? [];
  const unitMs = { s: 1000, m: 60_000, h: 3_600_000 }[unit ?? ""];
  return unitMs === undefined ? undefined : Number(count) * unitMs;
}

export const tokenSettings = defineSettings(
  "token",
  {
    registry: registryAddress,
    routers: routerAddresses,
    uses: setting({
      schema: z.int().min(1).max(1000),
      default: 1,
      placeholder: "N",
      help: "How many machines the token admits.",
    }),
    ttl: setting({
      schema: z
        .string()
        .refine((text) => parseDuration(text) !== undefined, "expected a duration, such as 90s or 10m")
        .describe("a duration"),
      default: "10m",
      placeholder: "TIME",
      help: "How long the token is valid, at most 10m.",
    }),
    joinRegistry: optionalAddress(
      "The registry's address for machines that join, if it differs from the one used here.",
    ),
    joinRouters: setting({
      schema: z.array(hostPort),
      default: [],
      name: "join-router",
      placeholder: "HOST:PORT",
      help: "Likewise for routers.",
    }),
    json: json("text"),
    ...tls,
  },
  checkTls,
);

export const nodeSettings = defineSettings("node", { registry: registryAddress, ...tls }, checkTls);
