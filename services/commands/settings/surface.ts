import { z } from "zod";
import { defaultStoreLimits, type TranslatorConfig } from "../../translator/config.ts";
import { setting } from "./parts.ts";

const megabyte = 1024 * 1024;
const hourMs = 3_600_000;

/** How requests are read and what is kept of them, wherever a translator is. */
export const surface = {
  fetchImages: setting({
    schema: z.boolean(),
    default: false,
    help: "Fetch pictures that requests name by their address, from the public internet only; otherwise they must be sent as data URLs.",
  }),
  strictKeys: setting({
    schema: z.boolean(),
    default: false,
    help: "Refuse requests with keys that mean nothing here, as OpenAI does; otherwise they are ignored.",
  }),
  storedResponses: setting({
    schema: z.int().min(0).max(10_000_000),
    default: defaultStoreLimits.responses,
    placeholder: "N",
    help: "How many responses of /v1/responses are kept to be continued; 0 keeps none.",
  }),
  storedMegabytes: setting({
    schema: z.int().min(0).max(1_000_000),
    default: defaultStoreLimits.bytes / megabyte,
    placeholder: "N",
    help: "How much memory they may take.",
  }),
  storedHours: setting({
    schema: z.number().min(0).max(8760),
    default: defaultStoreLimits.ageMs / hourMs,
    placeholder: "N",
    help: "How long they are kept.",
  }),
};

/** The values of these settings. */
export interface SurfaceValues {
  readonly fetchImages: boolean;
  readonly strictKeys: boolean;
  readonly storedResponses: number;
  readonly storedMegabytes: number;
  readonly storedHours: number;
}

/** What a translator is told of them. */
export const toSurface = (values: SurfaceValues) =>
  ({
    fetchImages: values.fetchImages,
    strictKeys: values.strictKeys,
    storeLimits: {
      responses: values.storedResponses,
      bytes: values.storedMegabytes * megabyte,
      ageMs: values.storedHours * hourMs,
    },
  }) satisfies Partial<TranslatorConfig>;
