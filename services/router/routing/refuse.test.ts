import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { capabilities, needsOf } from "../../../core/generation/capabilities.ts";
import {
  type GenerationSchema,
  ResumePointSchema,
  ToolChoice_Mode,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { Capabilities_Resume, ServedModelSchema } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { candidateOf, generationOf, nodeOf } from "../../../test/support/router/router.ts";
import { withParam } from "../../translator/errors/capability-params.ts";
import type { Candidate } from "./candidate.ts";
import { type Knowledge, refuse } from "./refuse.ts";

const refusal = (
  fields: MessageInitShape<typeof GenerationSchema>,
  candidates: Candidate[],
  knowledge: Partial<Knowledge> = {},
) => {
  const generation = generationOf(fields);
  const informed = { informed: true, isUnused: false, known: true, ...knowledge };
  return refuse({ generation, needs: needsOf(generation), tried: [] }, candidates, informed);
};

test("says in OpenAI's words that a model was never heard of", () => {
  expect(refusal({ model: "gpt-9" }, [], { informed: true, known: false })).toMatchObject({
    kind: "model_not_found",
    message: "The model `gpt-9` does not exist or you do not have access to it.",
    param: "model",
  });
});

test("asks for patience when nobody serves a known model now", () => {
  expect(refusal({}, [])).toMatchObject({ kind: "no_nodes", retryAfterMs: 5000 });
});

test("calls no model unknown before a node has served any", () => {
  expect(refusal({ model: "gpt-9" }, [], { isUnused: true, known: false })).toMatchObject({
    kind: "no_nodes",
    message: "No node of this mesh serves a model yet: try again soon.",
    retryAfterMs: 5000,
  });
});

test("calls no model unknown before the registry has been heard", () => {
  expect(refusal({}, [], { informed: false, known: false })).toMatchObject({ kind: "no_nodes" });
});

test("names the resume point when no node can continue an answer", () => {
  const resume = create(ResumePointSchema, { text: "Once upon" });
  const able = candidateOf("able");
  const served = create(ServedModelSchema, {
    model: "m",
    capabilities: { resume: Capabilities_Resume.NONE },
  });
  const unable = candidateOf("unable", { served, offers: ~0 });
  const error = refusal({ resume }, [unable]);
  expect(error).toMatchObject({
    kind: "invalid_request",
    capabilities: ["resume"],
    message:
      "No node that serves `m` can continue such an answer. Leave out `resume`, or choose another model.",
  });
  expect(withParam(error, "m")).toMatchObject({
    param: "continue_final_message",
    code: "unsupported_parameter",
    message:
      "Unsupported parameter: 'continue_final_message' is not supported with this model: no node that serves `m` " +
      "can continue such an answer. Leave it out or choose another model.",
  });
  expect(refusal({ resume }, [unable, { ...able, connected: false }])).toMatchObject({ kind: "no_nodes" });
});

test("asks for patience when a node that could do it is only unreachable", () => {
  const nodes = [candidateOf("able", { connected: false }), candidateOf("unable", { offers: 0 })];
  expect(refusal({ tools: [{ name: "f" }] }, nodes)).toMatchObject({ kind: "no_nodes" });
});

test("says that a request goes round when it has come through every node that serves the model", () => {
  const caller = { via: ["one", "two"] };
  const [one, two] = ["one", "two"].map((via) =>
    candidateOf(via, { served: nodeOf(via, {}, { via }).models[0] }),
  );
  expect(refusal({ caller }, [one!, two!])).toMatchObject({ kind: "engine_failed", code: "loop_detected" });
  expect(refusal({ caller }, [one!, candidateOf("other", { connected: false })])).toMatchObject({
    kind: "no_nodes",
  });
});

test("names a forced call when tools alone would be possible", () => {
  const fields = { tools: [{ name: "f" }], toolChoice: { mode: ToolChoice_Mode.REQUIRED } };
  const [unable] = [candidateOf("a", { offers: capabilities.tools.bit })];
  expect(refusal(fields, [unable!])).toMatchObject({ capabilities: ["forced_tool_choice"] });
});

test("needs no tools when calls are forbidden", () => {
  expect(needsOf(generationOf({ tools: [{ name: "f" }], toolChoice: { mode: ToolChoice_Mode.NONE } }))).toBe(
    0,
  );
});

test("says so when each thing can be had, but not together", () => {
  const error = refusal({ tools: [{ name: "f" }], logprobs: { top: 0 } }, [
    candidateOf("a", { offers: capabilities.tools.bit }),
    candidateOf("b", { offers: capabilities.logprobs.bit }),
  ]);
  expect(error.message).toBe(
    "No single node that serves `m` can call tools and report log probabilities. Leave out `tools` or `logprobs`, or choose another model.",
  );
  expect(withParam(error, "m")).toMatchObject({
    param: "tools",
    message: expect.stringContaining(
      "no single node that serves `m` can call tools and report log probabilities.",
    ),
  });
});
