import { z } from "zod";
import { parseHostPort } from "../../../core/config/host-port.ts";
import { setting } from "./parts.ts";

/** Where each service that runs apart listens for its operators, unless told otherwise. */
export const opsAddresses = {
  translator: "127.0.0.1:9464",
  router: "127.0.0.1:9465",
  registry: "127.0.0.1:9466",
  join: "127.0.0.1:9467",
} as const;

/** In the place of an address: do not listen. */
export const opsOff = "off";

/** Where a service listens for its operators. `standing` holds when nobody says otherwise; without it: nowhere. */
export const opsListen = (standing?: string) =>
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
    help: `The address of /healthz and /readyz, served over plain HTTP without a key; ${opsOff} turns them off. Default: ${standing === undefined ? opsOff : `${standing}, or a free port of 127.0.0.1 if that one is taken`}.`,
  });
