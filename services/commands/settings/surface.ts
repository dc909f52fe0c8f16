import { z } from "zod";
import { defaultStoreLimits, type TranslatorConfig } from "../../translator/config.ts";
import { setting } from "./parts.ts";

const megabyte = 1024 * 1024;
const hourMs = 3_600_000;

/** How a translator, alone or in `up`, reads requests and stores responses. */
export const surface = {
  fetchImages: setting({
    schema: z.boolean(),
    default: false,
    help: "Fetch images by URL, from the public internet only; otherwise requests must send them as data URLs.",
  }),
  strictKeys: setting({
    schema: z.boolean(),
    default: false,
    help: "Reject requests with unknown keys, as OpenAI does; otherwise they are ignored.",
  }),
  storedResponses: setting({
    schema: z.int().min(0).max(10_000_000),
    default: defaultStoreLimits.responses,
    placeholder: "N",
    help: "How many responses of /v1/responses are stored for later continuation; 0 stores none.",
  }),
  storedMegabytes: setting({
    schema: z.int().min(0).max(1_000_000),
    default: defaultStoreLimits.bytes / megabyte,
    placeholder: "N",
    help: "How much memory stored responses may take.",
  }),
  storedHours: setting({
    schema: z.number().min(0).max(8760),
    default: defaultStoreLimits.ageMs / hourMs,
    placeholder: "N",
    help: "How long responses are stored.",
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

/** The values as options of a translator. */
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
