import { z } from "zod";
import { parseHostPort } from "../../../core/config/host-port.ts";
import { setting } from "./parts.ts";

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
