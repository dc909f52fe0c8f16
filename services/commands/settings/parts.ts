import { z } from "zod";
import { longestTimerMs } from "../../../core/clock.ts";
import { hostPort, parseHostPort } from "../../../core/config/host-port.ts";
import type { Setting } from "../../../core/config/settings.ts";
import { logLevels } from "../../../core/telemetry/log.ts";
import { defaultQueueLimits } from "../../router/queue-limits.ts";
import { prefixCaches } from "../../translator/auth/cache-salt.ts";
import { defaultStoreLimits, type TranslatorConfig } from "../../translator/config.ts";
import { defaultDataFolder } from "../places.ts";

// Settings that several commands share.

/** The values of a table of settings, by key. */
export type ValuesIn<Table extends Readonly<Record<string, Setting>>> = {
  readonly [Key in keyof Table]: z.output<Table[Key]["schema"]>;
};

export const setting = <Schema extends z.ZodType>(described: Setting<Schema>): Setting<Schema> => described;

export const data = setting({
  schema: z.string().min(1).describe("a folder"),
  default: defaultDataFolder,
  placeholder: "FOLDER",
  help: "Where data is kept between runs, such as the API key that `cxmpute up` creates.",
});

/** An optional text, which is `what`. */
export const optionalText = (placeholder: string, what: string, help: string) =>
  setting({ schema: z.string().min(1).describe(what).optional(), placeholder, help });

/** An optional path. */
export const file = (help: string) => optionalText("FILE", "a file", help);

/** A number with a default. */
export const number = <Schema extends z.ZodType<number>>(
  schema: Schema,
  byDefault: z.output<Schema>,
  help: string,
) => setting({ schema, default: byDefault, placeholder: "N", help });

/** A switch that is off by default. */
export const toggle = (help: string) => setting({ schema: z.boolean(), default: false, help });

/** `--json`, instead of `what` people read. */
export const json = (what: string) => toggle(`Print JSON instead of ${what}.`);

/** An optional HOST:PORT. */
export const optionalAddress = (help: string) =>
  setting({ schema: hostPort.optional(), placeholder: "HOST:PORT", help });

/** A HOST:PORT with a default. */
export const address = (byDefault: string, help: string) =>
  setting({ schema: hostPort, default: byDefault, placeholder: "HOST:PORT", help });

/** Any number of HOST:PORT, each given with the flag `name`. */
export const addresses = (name: string, help: string) =>
  setting({ schema: z.array(hostPort), default: [], name, placeholder: "HOST:PORT", help });

/** What all services have in common. */
export const service = {
  data,
  logLevel: setting({
    schema: z.enum(logLevels),
    default: "info",
    placeholder: "LEVEL",
    help: `The log level on standard error: ${logLevels.join(", ")}.`,
  }),
  logFormat: setting({
    schema: z.enum(["auto", "json", "pretty"]),
    default: "auto",
    placeholder: "FORMAT",
    help: "json for programs, pretty for people; auto is pretty on a terminal, json elsewhere.",
  }),
  graceSeconds: setting({
    schema: z.number().min(0).max(86_400),
    default: 30,
    name: "grace",
    placeholder: "SECONDS",
    help: "How long open answers may take to finish after the first Ctrl-C or SIGTERM.",
  }),
};

export const listen = (byDefault: string, help: string) =>
  address(byDefault, `${help} Port 0 picks a free one.`);

/** What `userText` expects. */
export const wantedUser = "expected 1 to 128 letters, digits and signs, without spaces";

/** A user's id, which can stand in a header. */
export const userText = z
  .string()
  .regex(/^[\x21-\x7e]{1,128}$/, wantedUser)
  .describe("a user's id");

export const userId = (help: string) => setting({ schema: userText.optional(), placeholder: "ID", help });

export const defaultRegistry = "127.0.0.1:50051";
export const defaultRouter = "127.0.0.1:50052";

export const registryAddress = address(defaultRegistry, "The registry's address.");

export const routerAddresses = setting({
  schema: z.array(hostPort).min(1),
  default: [defaultRouter],
  name: "router",
  placeholder: "HOST:PORT",
  help: "A router's address.",
});

/** The default operations addresses of separate services. */
export const opsAddresses = {
  translator: "127.0.0.1:9464",
  router: "127.0.0.1:9465",
  registry: "127.0.0.1:9466",
  join: "127.0.0.1:9467",
} as const;

/** Instead of an address: do not listen. */
export const opsOff = "off";

/** Where a service serves its probes; without a default address: nowhere. */
export const opsListen = (defaultAddress?: string) =>
  setting({
    schema: z
      .string()
      .refine(
        (text) => text === opsOff || parseHostPort(text) !== undefined,
        `expected HOST:PORT, such as 127.0.0.1:9464, or ${opsOff}`,
      )
      .describe(`HOST:PORT or ${opsOff}`)
      .optional(),
    placeholder: "HOST:PORT",
    help: `The address of /healthz and /readyz, served over plain HTTP without a key; ${opsOff} turns them off. Default: ${defaultAddress === undefined ? opsOff : `${defaultAddress}, or a free port of 127.0.0.1 if that one is taken`}.`,
  });

/** The limits of a router, alone or in `up`. */
export const admission = {
  queueLimit: number(
    z.int().min(0),
    defaultQueueLimits.queueLimit,
    "How many generations may wait for a node; more get 503.",
  ),
  callerQueueLimit: number(
    z.int().min(0),
    defaultQueueLimits.callerQueueLimit,
    "How many of them one caller may have; more get 429.",
  ),
  queueTimeoutMs: number(
    z.int().min(0).max(3_600_000),
    defaultQueueLimits.queueTimeoutMs,
    "How long a generation may wait for a node, in milliseconds.",
  ),
  answerTimeoutMs: setting({
    schema: z.int().min(1).max(longestTimerMs).optional(),
    placeholder: "N",
    help: "The time limit for a whole answer, in milliseconds; a longer one fails with 504. Default: no limit.",
  }),
  progressTimeoutMs: number(
    z.int().min(1000).max(longestTimerMs),
    300_000,
    "How long a node may show nothing new of an answer before another node continues it, in milliseconds.",
  ),
};

/** The values as options of a router. */
export const toRouterLimits = ({
  queueLimit,
  callerQueueLimit,
  queueTimeoutMs,
  answerTimeoutMs,
  progressTimeoutMs,
}: ValuesIn<typeof admission>) => ({
  queueLimit,
  callerQueueLimit,
  queueTimeoutMs,
  progressTimeoutMs,
  ...(answerTimeoutMs === undefined ? {} : { answerTimeoutMs }),
});

const megabyte = 1024 * 1024;
const hourMs = 3_600_000;

/** How a translator, alone or in `up`, reads requests and stores responses. */
export const surface = {
  fetchImages: toggle(
    "Fetch images by URL, from the public internet only; otherwise requests must send them as data URLs.",
  ),
  strictKeys: toggle("Reject requests with unknown keys, as OpenAI does; otherwise they are ignored."),
  prefixCache: setting({
    schema: z.enum(prefixCaches),
    default: "user",
    placeholder: "WHOSE",
    help: "Whose prompts share the prefix caches of engines: user, those of one user; shared, everyone's. A shared cache saves work where many users send the same long instructions, and lets each user find out, guess by guess, what others have sent.",
  }),
  storedResponses: number(
    z.int().min(0).max(10_000_000),
    defaultStoreLimits.responses,
    "How many responses of /v1/responses are stored for later continuation; 0 stores none.",
  ),
  storedMegabytes: number(
    z.int().min(0).max(1_000_000),
    defaultStoreLimits.bytes / megabyte,
    "How much memory stored responses may take.",
  ),
  storedHours: number(
    z.number().min(0).max(8760),
    defaultStoreLimits.ageMs / hourMs,
    "How long responses are stored.",
  ),
};

/** The values as options of a translator. */
export const toSurface = ({
  fetchImages,
  strictKeys,
  prefixCache,
  storedResponses,
  storedMegabytes,
  storedHours,
}: ValuesIn<typeof surface>) =>
  ({
    fetchImages,
    strictKeys,
    prefixCache,
    storeLimits: {
      responses: storedResponses,
      bytes: storedMegabytes * megabyte,
      ageMs: storedHours * hourMs,
    },
  }) satisfies Partial<TranslatorConfig>;
