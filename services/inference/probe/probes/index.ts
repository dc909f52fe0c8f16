import type { Probe } from "../probe.ts";
import { contextLength } from "./context-length.ts";
import { embeddings } from "./embeddings.ts";
import { forcedToolChoice } from "./forced-tool-choice.ts";
import { jsonObject } from "./json-object.ts";
import { jsonSchema } from "./json-schema.ts";
import { logitBias } from "./logit-bias.ts";
import { logprobs } from "./logprobs.ts";
import { rawPrompt } from "./raw-prompt.ts";
import { resume } from "./resume.ts";
import { seed } from "./seed.ts";
import { tools } from "./tools.ts";
import { vision } from "./vision.ts";

/** All but the plain answer, which comes before every one of them; from cheap to dear. */
export const probes: readonly Probe[] = [
  embeddings,
  logprobs,
  logitBias,
  rawPrompt,
  jsonObject,
  jsonSchema,
  forcedToolChoice,
  // After forced calls, which it takes into account.
  tools,
  seed,
  resume,
  vision,
  contextLength,
];
