import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import {
  Capabilities_Resume,
  type ServedModel,
  ServedModelSchema,
} from "../../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { traitsOf } from "../../../servers/kinds.ts";
import type { ModelFacts } from "../../../servers/model-facts.ts";
import type { ServerFacts } from "../../../servers/recognise.ts";
import type { OpenAiOptions } from "../options.ts";

/** Tokens of context that are claimed where neither the server nor the options tell. */
export const unknownContextLength = 4096;

/** A model as the mesh knows it. What the provider says comes before what the server says. */
export function toServed(model: ModelFacts, server: ServerFacts, options: OpenAiOptions): ServedModel {
  const identity = [server.kind, server.version, model.name, model.identity ?? ""].join("\n");
  return create(ServedModelSchema, {
    model: model.name,
    engineName: model.name,
    engine: "openai",
    contextLength: options.contextSize ?? model.contextLength ?? unknownContextLength,
    slots: options.slots ?? model.slots ?? traitsOf(server.kind).defaultSlots,
    fingerprint: createHash("sha256").update(identity).digest("hex").slice(0, 16),
    capabilities: toCapabilities(model),
  });
}

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
