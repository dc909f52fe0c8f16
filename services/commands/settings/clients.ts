import { z } from "zod";
import { keyText } from "../../../core/config/key-text.ts";
import { defineSettings } from "../../../core/config/settings.ts";
import { capabilityNames } from "../../../core/generation/capabilities.ts";
import * as parts from "./parts.ts";
import { checkTls, tls } from "./tls.ts";

// The settings of the commands that call a running service, or manage identities.

const httpUrl = z
  .url({ protocol: /^https?$/, error: "expected a URL, such as http://127.0.0.1:8080/v1" })
  .describe("a URL");

/** How to reach the HTTP endpoint. */
export const endpoint = {
  baseUrl: parts.setting({
    schema: httpUrl,
    default: "http://127.0.0.1:8080/v1",
    placeholder: "URL",
    help: "The HTTP endpoint.",
  }),
  apiKey: parts.setting({
    schema: keyText.optional(),
    placeholder: "KEY",
    secret: true,
    help: "The API key; default: the one that `cxmpute up` stores in the data folder.",
  }),
  userId: parts.userId("The user that the key belongs to, if it is to be checked; sent in X-User-Id."),
  data: parts.data,
};

export const apiKeySettings = defineSettings("api-key", { json: parts.json("text") });

export const chatSettings = defineSettings("chat", {
  ...endpoint,
  model: parts.optionalText(
    "NAME",
    "a model's name",
    "The model to talk to; default: the first one listed by the endpoint.",
  ),
  system: parts.optionalText("TEXT", "text", "The system prompt."),
});

export const modelsSettings = defineSettings(
  "models",
  {
    ...endpoint,
    router: parts.optionalAddress("Ask this router instead of the endpoint."),
    ...tls,
    json: parts.json("a table"),
  },
  checkTls,
);

export const nodesSettings = defineSettings(
  "nodes",
  {
    registry: parts.optionalAddress("The registry to ask."),
    router: parts.optionalAddress("Also ask this router how busy each node is and whether it is connected."),
    wide: parts.toggle("Show everything: engine names, capabilities, speed and hardware."),
    ...tls,
    json: parts.json("a table"),
  },
  checkTls,
);

export const explainSettings = defineSettings(
  "explain",
  {
    router: parts.optionalAddress(
      `The router to ask; default: ${parts.defaultRouter}, unless there is a base URL.`,
    ),
    ...endpoint,
    baseUrl: parts.setting({
      schema: httpUrl.optional(),
      placeholder: "URL",
      help: "The HTTP endpoint to ask when no router is given; the key must be an operator's.",
    }),
    needs: parts.setting({
      schema: z.array(z.enum(capabilityNames)),
      default: [],
      name: "need",
      placeholder: "CAPABILITY",
      help: `A capability that the generation requires: ${capabilityNames.join(", ")}.`,
    }),
    ...tls,
    json: parts.json("a table"),
  },
  checkTls,
);

export const tlsSettings = defineSettings("tls", {
  hosts: parts.setting({
    schema: z
      .array(z.string().regex(/^[A-Za-z0-9.:*-]+$/, "expected a name or an address, such as mesh.example"))
      .describe("a name or an address"),
    default: [],
    name: "host",
    placeholder: "HOST",
    help: "A host name or address of the services, for clients that verify it, such as grpcurl; the mesh itself verifies identities.",
  }),
  days: parts.number(z.int().min(1).max(36_500), 3650, "How long the certificates are valid."),
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
    registry: parts.registryAddress,
    routers: parts.routerAddresses,
    uses: parts.number(z.int().min(1).max(1000), 1, "How many machines the token admits."),
    ttl: parts.setting({
      schema: z
        .string()
        .refine((text) => parseDuration(text) !== undefined, "expected a duration, such as 90s or 10m")
        .describe("a duration"),
      default: "10m",
      placeholder: "TIME",
      help: "How long the token is valid, at most 10m.",
    }),
    joinRegistry: parts.optionalAddress(
      "The registry's address for machines that join, if it differs from the one used here.",
    ),
    joinRouters: parts.addresses("join-router", "Likewise for routers."),
    json: parts.json("text"),
    ...tls,
  },
  checkTls,
);

export const nodeSettings = defineSettings("node", { registry: parts.registryAddress, ...tls }, checkTls);
