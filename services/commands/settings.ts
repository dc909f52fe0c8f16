import { z } from "zod";
import { hostPort, parseHostPort } from "../../core/config/host-port.ts";
import { defineSettings, type Setting } from "../../core/config/settings.ts";
import { logLevels } from "../../core/telemetry/log.ts";
import { defaultBodyLimitBytes, defaultStallTimeoutMs } from "../translator/config.ts";
import { defaultDataFolder, starterModel } from "./places.ts";

// The settings of every command. They are all here, apart from the services, because one file may configure all
// of them, so each command checks everybody's section; and because reading them must stay quick.

const setting = <Schema extends z.ZodType>(described: Setting<Schema>): Setting<Schema> => described;

const data = setting({
  schema: z.string().min(1).describe("a folder"),
  default: defaultDataFolder,
  placeholder: "FOLDER",
  help: "Where things are kept between runs, such as the API key that `cxmpute up` makes.",
});

/** What everything that runs for long has in common. */
const service = {
  data,
  logLevel: setting({
    schema: z.enum(logLevels),
    default: "info",
    placeholder: "LEVEL",
    help: `How much the log on standard error tells: ${logLevels.join(", ")}.`,
  }),
  logFormat: setting({
    schema: z.enum(["auto", "json", "pretty"]),
    default: "auto",
    placeholder: "FORMAT",
    help: "json for programs, pretty for people; auto is pretty on a terminal.",
  }),
  graceSeconds: setting({
    schema: z.number().min(0).max(86_400),
    default: 30,
    name: "grace",
    placeholder: "SECONDS",
    help: "How long open answers may take to finish after a first Ctrl-C or SIGTERM.",
  }),
};

const listen = (address: string, help: string) =>
  setting({
    schema: hostPort,
    default: address,
    placeholder: "HOST:PORT",
    help: `${help} Port 0 takes any.`,
  });

/** What can stand in a header after `Bearer`. */
const keyText = z
  .string()
  .regex(/^[\x21-\x7e]+$/, "expected a key of letters, digits and signs, without spaces")
  .describe("a key");

const userId = (standing: string) =>
  setting({
    schema: z
      .string()
      .regex(/^[\x21-\x7e]{1,128}$/, "expected 1 to 128 letters, digits and signs, without spaces")
      .describe("an account's id"),
    default: standing,
    placeholder: "ID",
    help: "The account that the key belongs to; requests name it in X-User-Id.",
  });

const registryAddress = setting({
  schema: hostPort,
  default: "127.0.0.1:50051",
  placeholder: "HOST:PORT",
  help: "Where the registry is.",
});

const routerAddresses = setting({
  schema: z.array(hostPort).min(1),
  default: ["127.0.0.1:50052"],
  name: "router",
  placeholder: "HOST:PORT",
  help: "Where a router is.",
});

/** Which engine answers, and how it is set up. */
const engine = {
  engine: setting({
    schema: z.enum(["llama-cpp", "synthetic"]),
    default: "llama-cpp",
    placeholder: "NAME",
    help: "What computes tokens: llama-cpp runs a GGUF file, synthetic makes text up for load tests.",
  }),
  model: setting({
    schema: z.string().min(1).describe("a GGUF file").optional(),
    placeholder: "PATH",
    help: `The GGUF file to serve; default: ${starterModel}. For synthetic, the name to serve under.`,
  }),
  modelName: setting({
    schema: z.string().min(1).describe("a name").optional(),
    placeholder: "NAME",
    help: "llama-cpp: the name to serve under; default: the file's, without .gguf.",
  }),
  slots: setting({
    schema: z.int().min(1).max(65_536).optional(),
    placeholder: "N",
    help: "How many generations run at the same time; default: what suits engine and memory.",
  }),
  contextSize: setting({
    schema: z.int().min(16).optional(),
    placeholder: "N",
    help: "How many tokens prompt and answer may have together; default: what suits engine and model.",
  }),
  threads: setting({
    schema: z.int().min(1).max(1024).optional(),
    placeholder: "N",
    help: "llama-cpp: threads that compute; no more than there are idle cores.",
  }),
  tokensPerSecond: setting({
    schema: z.number().min(0).max(100_000).optional(),
    placeholder: "N",
    help: "synthetic: the pace of each generation; 0 is as fast as it is read.",
  }),
  firstTokenMs: setting({
    schema: z.number().min(0).max(600_000).optional(),
    placeholder: "N",
    help: "synthetic: how long the first token takes.",
  }),
  arrivals: setting({
    schema: z.enum(["aligned", "random"]).optional(),
    placeholder: "HOW",
    help: "synthetic: aligned, all tokens on one beat, or random.",
  }),
  answerTokens: setting({
    schema: z.int().min(1).max(1_000_000).optional(),
    placeholder: "N",
    help: "synthetic: the length of an answer that nothing else ends.",
  }),
};

/** Settings that only one engine understands; with another they would be ignored, so they are refused. */
const onlyFor = {
  modelName: "llama-cpp",
  threads: "llama-cpp",
  tokensPerSecond: "synthetic",
  firstTokenMs: "synthetic",
  arrivals: "synthetic",
  answerTokens: "synthetic",
} as const;
type EngineSpecific = keyof typeof onlyFor;

function checkEngine(
  values: { readonly engine: string },
  report: (key: EngineSpecific, message: string) => void,
  given: (key: EngineSpecific) => boolean,
): void {
  for (const [key, owner] of Object.entries(onlyFor) as [EngineSpecific, string][])
    if (given(key) && owner !== values.engine)
      report(key, `only --engine ${owner} understands this, and the engine is ${values.engine}`);
}

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

/** How the commands that talk to an endpoint find it. */
const endpoint = {
  baseUrl: setting({
    schema: z
      .url({ protocol: /^https?$/, error: "expected a URL, such as http://127.0.0.1:8080/v1" })
      .describe("a URL"),
    default: "http://127.0.0.1:8080/v1",
    placeholder: "URL",
    help: "The endpoint.",
  }),
  apiKey: setting({
    schema: keyText.optional(),
    placeholder: "KEY",
    secret: true,
    help: "The API key; default: the one that `cxmpute up` keeps in the data folder.",
  }),
  userId: userId("local"),
  data,
};

const json = setting({ schema: z.boolean(), default: false, help: "Print JSON instead of a table." });

export const chatSettings = defineSettings("chat", {
  ...endpoint,
  model: setting({
    schema: z.string().min(1).describe("a model's name").optional(),
    placeholder: "NAME",
    help: "The model to talk to; default: the first one that the endpoint lists.",
  }),
  system: setting({
    schema: z.string().min(1).describe("text").optional(),
    placeholder: "TEXT",
    help: "Instructions to the model, before the conversation.",
  }),
});

export const modelsSettings = defineSettings("models", {
  ...endpoint,
  router: setting({
    schema: hostPort.optional(),
    placeholder: "HOST:PORT",
    help: "Ask this router instead of the endpoint; it also knows nodes, slots and contexts.",
  }),
  json,
});

export const nodesSettings = defineSettings("nodes", {
  registry: setting({
    schema: hostPort.optional(),
    placeholder: "HOST:PORT",
    help: "The registry to ask.",
  }),
  router: setting({
    schema: hostPort.optional(),
    placeholder: "HOST:PORT",
    help: "A router to ask as well: how busy each node is, and whether it is connected.",
  }),
  json,
});
