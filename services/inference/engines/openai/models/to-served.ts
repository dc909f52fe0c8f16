import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import {
  Capabilities_Resume,
  type ServedModel,
  ServedModelSchema,
} from "../../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { OpenAiOptions } from "../options.ts";
import { serverKinds } from "../upstream/kinds.ts";
import type { ListedModel } from "./read-models.ts";
import type { ModelFacts, ServerFacts } from "./server-facts.ts";

/** Tokens of context that are claimed where neither the server nor the options tell. */
export const unknownContextLength = 4096;

/** A model as the mesh knows it. What the provider says comes before what the server says. */
export function toServed(listed: ListedModel, server: ServerFacts, options: OpenAiOptions): ServedModel {
  const facts = server.factsOf(listed.name);
  const identity = [server.kind, server.version, listed.name, listed.identity].join("\n");
  return create(ServedModelSchema, {
    model: listed.name,
    engineName: listed.name,
    engine: "openai",
    contextLength: options.contextSize ?? facts.contextLength ?? listed.contextLength ?? unknownContextLength,
    slots: options.slots ?? facts.slots ?? serverKinds[server.kind].defaultSlots,
    fingerprint: createHash("sha256").update(identity).digest("hex").slice(0, 16),
    capabilities: toCapabilities(facts),
  });
}

/** Whether the context is a guess. */
export const isContextUnknown = (listed: ListedModel, server: ServerFacts, options: OpenAiOptions): boolean =>
  (options.contextSize ?? server.factsOf(listed.name).contextLength ?? listed.contextLength) === undefined;

/**
 * All that the protocol can carry, less what the server itself denies; probes find out the rest. Answers are continued
 * from their text at most: the protocol has no tokens of an answer to continue from.
 */
function toCapabilities({ vision, embeddings }: ModelFacts) {
  const answers = embeddings !== true;
  return {
    tools: answers,
    forcedToolChoice: answers,
    jsonObject: answers,
    jsonSchema: answers,
    logprobs: answers,
    seed: answers,
    vision: answers && vision !== false,
    logitBias: answers,
    rawPrompt: answers,
    embeddings: embeddings !== false,
    resume: answers ? Capabilities_Resume.TEXT : Capabilities_Resume.NONE,
  };
}
