import { z } from "zod";
import { hostPort } from "../../../core/config/host-port.ts";
import type { Setting } from "../../../core/config/settings.ts";
import { logLevels } from "../../../core/telemetry/log.ts";
import { defaultDataFolder } from "../places.ts";

// Settings that several commands share.

export const setting = <Schema extends z.ZodType>(described: Setting<Schema>): Setting<Schema> => described;

export const data = setting({
  schema: z.string().min(1).describe("a folder"),
  default: defaultDataFolder,
  placeholder: "FOLDER",
  help: "Where data is kept between runs, such as the API key that `cxmpute up` creates.",
});

/** An optional path. */
export const file = (help: string) =>
  setting({ schema: z.string().min(1).describe("a file").optional(), placeholder: "FILE", help });

/** An optional HOST:PORT. */
export const optionalAddress = (help: string) =>
  setting({ schema: hostPort.optional(), placeholder: "HOST:PORT", help });

/** `--json`, instead of `what` people read. */
export const json = (what: string) =>
  setting({ schema: z.boolean(), default: false, help: `Print JSON instead of ${what}.` });

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

export const listen = (address: string, help: string) =>
  setting({
    schema: hostPort,
    default: address,
    placeholder: "HOST:PORT",
    help: `${help} Port 0 picks a free one.`,
  });

export const userId = (id: string) =>
  setting({
    schema: z
      .string()
      .regex(/^[\x21-\x7e]{1,128}$/, "expected 1 to 128 letters, digits and signs, without spaces")
      .describe("an account's id"),
    default: id,
    placeholder: "ID",
    help: "The account that the key belongs to; requests name it in X-User-Id.",
  });

/** The default addresses of registry and router. */
export const defaultRegistry = "127.0.0.1:50051";
export const defaultRouter = "127.0.0.1:50052";

export const registryAddress = setting({
  schema: hostPort,
  default: defaultRegistry,
  placeholder: "HOST:PORT",
  help: "The registry's address.",
});

export const routerAddresses = setting({
  schema: z.array(hostPort).min(1),
  default: [defaultRouter],
  name: "router",
  placeholder: "HOST:PORT",
  help: "A router's address.",
});
