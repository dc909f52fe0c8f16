import { z } from "zod";
import { hostPort, parseHostPort } from "../../../core/config/host-port.ts";
import { defineSettings } from "../../../core/config/settings.ts";
import { defaultBodyLimitBytes, defaultStallTimeoutMs } from "../../translator/config.ts";
import { checkEngine, engine } from "./engine.ts";
import { keyText, listen, registryAddress, routerAddresses, service, setting, userId } from "./parts.ts";

// The settings of the commands that run something. They stand apart from the services, because one file may
// configure all of them, so each command checks everybody's section; and because reading them must stay quick.

export const upSettings = defineSettings(
  "up",
  {
    listen: listen("127.0.0.1:8080", "Where the HTTP endpoint listens."),
    apiKey: setting({
      schema: keyText.optional(),
      placeholder: "KEY",
      secret: true,
      help: "The API key; default: one is made, and kept in the data folder.",
    }),
    userId: userId("local"),
    ...engine,
    ...service,
  },
  checkEngine,
);

export const translatorSettings = defineSettings(
  "translator",
  {
    listen: listen("127.0.0.1:8080", "Where the HTTP endpoint listens."),
    routers: routerAddresses,
    apiKeys: setting({
      schema: z.array(keyText),
      default: [],
      name: "api-key",
      placeholder: "KEY",
      secret: true,
      help: "A key that lets requests in; `sha256:HEX` is the hash of one. Without any, everybody is let in, which is refused unless only this machine can connect.",
    }),
    userId: userId("local"),
    bodyLimitBytes: setting({
      schema: z
        .int()
        .min(1024)
        .max(1024 ** 3),
      default: defaultBodyLimitBytes,
      placeholder: "N",
      help: "The largest request body.",
    }),
    stallTimeoutMs: setting({
      schema: z.int().min(100).max(3_600_000),
      default: defaultStallTimeoutMs,
      placeholder: "N",
      help: "A client of a stream that takes nothing for so long is cut.",
    }),
    ...service,
  },
  ({ listen: address, apiKeys }, report) => {
    if (apiKeys.length === 0 && !isLoopback(address))
      report(
        "apiKeys",
        `required when listening on ${address}, for otherwise everybody who can connect is let in; set CXMPUTE_API_KEY, or listen on 127.0.0.1`,
      );
  },
);

function isLoopback(address: string): boolean {
  const host = parseHostPort(address)?.host ?? "";
  return host === "localhost" || host === "::1" || /^127\./.test(host);
}

export const routerSettings = defineSettings("router", {
  listen: listen("127.0.0.1:50052", "Where translators, nodes that attach and gRPC clients connect."),
  registry: registryAddress,
  queueLimit: setting({
    schema: z.int().min(0),
    default: 1024,
    placeholder: "N",
    help: "How many generations may wait for a node; more get 503.",
  }),
  callerQueueLimit: setting({
    schema: z.int().min(0),
    default: 64,
    placeholder: "N",
    help: "How many of them may be one caller's; more get 429.",
  }),
  queueTimeoutMs: setting({
    schema: z.int().min(0).max(3_600_000),
    default: 30_000,
    placeholder: "N",
    help: "How long a generation may wait for a node.",
  }),
  ...service,
});

export const registrySettings = defineSettings("registry", {
  listen: listen("127.0.0.1:50051", "Where nodes and routers connect."),
  leaseTtlMs: setting({
    schema: z.int().min(500).max(600_000),
    default: 10_000,
    placeholder: "N",
    help: "How long a node stays in the mesh without a word, in milliseconds.",
  }),
  ...service,
});

export const joinSettings = defineSettings(
  "join",
  {
    registry: registryAddress,
    routers: routerAddresses,
    ...engine,
    advertise: setting({
      schema: hostPort.optional(),
      placeholder: "HOST:PORT",
      help: "Where routers can dial this node. Without it the node dials the routers, and needs no open port.",
    }),
    listen: setting({
      schema: hostPort.optional(),
      placeholder: "HOST:PORT",
      help: "Where the node listens; default: where it is advertised, and nowhere without --advertise.",
    }),
    nodeId: setting({
      schema: z
        .string()
        .regex(/^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}$/, "expected letters, digits and . _ : @ / -")
        .describe("a name")
        .optional(),
      placeholder: "NAME",
      help: "The node's name, unique in the mesh; default: the machine's name and a random end.",
    }),
    ...service,
  },
  (values, report, given) => {
    checkEngine(values, report, given);
    if (values.advertise?.endsWith(":0") === true)
      report("advertise", "expected the port that routers can dial, and nobody can dial port 0");
  },
);
