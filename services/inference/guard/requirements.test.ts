import { describe, expect, test } from "vitest";
import { ToolChoice_Mode } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { Capabilities_Resume } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import {
  type Abilities,
  type GenerationInit,
  generationOf,
  servedModel,
} from "../../../test/support/inference/fake-engine.ts";
import { refuseUnable } from "./requirements.ts";

const tool = { name: "f" };

describe("a generation that asks for what the model cannot do is refused by the parameter's name", () => {
  test.each<{
    param: string;
    says: string;
    asks: GenerationInit;
    able: Abilities;
  }>([
    { param: "tools", says: "call tools", asks: { tools: [tool] }, able: { tools: true } },
    {
      param: "tool_choice",
      says: "be made to call a tool",
      asks: { tools: [tool], toolChoice: { mode: ToolChoice_Mode.REQUIRED } },
      able: { tools: true, forcedToolChoice: true },
    },
    {
      param: "response_format",
      says: "be held to JSON",
      asks: { outputFormat: { format: { case: "jsonObject", value: {} } } },
      able: { jsonObject: true },
    },
    {
      param: "response_format",
      says: "be held to a JSON schema",
      asks: { outputFormat: { format: { case: "jsonSchema", value: { schemaJson: "{}" } } } },
      able: { jsonSchema: true },
    },
    { param: "logprobs", says: "tell log probabilities", asks: { logprobs: {} }, able: { logprobs: true } },
    {
      param: "messages",
      says: "see pictures",
      asks: { messages: [{ parts: [{ part: { case: "image", value: {} } }] }] },
      able: { vision: true },
    },
    {
      param: "logit_bias",
      says: "take biases on tokens",
      asks: { sampling: { logitBias: { 7: 1 } } },
      able: { logitBias: true },
    },
    {
      param: "prompt",
      says: "go on from a raw prompt",
      asks: { messages: [], rawPrompt: { prompt: { case: "text", value: "Once" } } },
      able: { rawPrompt: true },
    },
  ])("$says ($param)", ({ param, says, asks, able }) => {
    const generation = generationOf(asks);
    const unable = { ...able, [Object.keys(able).at(-1)!]: false };
    expect(() => refuseUnable(generation, servedModel("m", { capabilities: unable }))).toThrow(
      expect.objectContaining({
        kind: "invalid_request",
        param,
        message: `\`m\` cannot ${says} on this node. Leave \`${param}\` out or choose another model.`,
      }),
    );
    expect(() => refuseUnable(generation, servedModel("m", { capabilities: able }))).not.toThrow();
  });

  test("tools that must not be called ask for nothing", () => {
    const generation = generationOf({ tools: [tool], toolChoice: { mode: ToolChoice_Mode.NONE } });
    expect(() => refuseUnable(generation, servedModel("m"))).not.toThrow();
  });

  test("a served model without capabilities can do nothing special", () => {
    const served = servedModel("m");
    delete served.capabilities;
    expect(() => refuseUnable(generationOf(), served)).not.toThrow();
    expect(() => refuseUnable(generationOf({ logprobs: {} }), served)).toThrow(/logprobs/);
  });
});

describe("an answer that another node has begun", () => {
  const { NONE, TEXT, TOKENS } = Capabilities_Resume;
  const tokens = { tokenIds: [1, 2], text: "ab" };
  const text = { text: "ab" };

  test.each([
    { resume: NONE, point: tokens, taken: false },
    { resume: NONE, point: text, taken: false },
    { resume: NONE, point: {}, taken: true },
    { resume: TEXT, point: tokens, taken: false },
    { resume: TEXT, point: text, taken: true },
    { resume: TOKENS, point: tokens, taken: true },
    { resume: TOKENS, point: text, taken: true },
    { resume: TOKENS, point: {}, taken: true },
    { resume: TOKENS, point: { ...tokens, fingerprint: "f" }, taken: true },
    { resume: TOKENS, point: { ...tokens, fingerprint: "g" }, taken: false },
  ])("is taken over with resume $resume from $point: $taken", ({ resume, point, taken }) => {
    const generation = generationOf({ resume: point });
    const attempt = () => refuseUnable(generation, servedModel("m", { capabilities: { resume } }));
    if (taken) expect(attempt).not.toThrow();
    else expect(attempt).toThrow(expect.objectContaining({ kind: "engine_failed" }));
  });

  test.each<{ form: string; init: GenerationInit; abilities: Abilities }>([
    {
      form: "JSON",
      init: { outputFormat: { format: { case: "jsonObject", value: {} } } },
      abilities: { jsonObject: true },
    },
    {
      form: "a forced call",
      init: { tools: [{ name: "f" }], toolChoice: { mode: ToolChoice_Mode.REQUIRED } },
      abilities: { tools: true, forcedToolChoice: true },
    },
    {
      form: "what goes on from tokens",
      init: { messages: [], rawPrompt: { prompt: { case: "tokens", value: { ids: [1] } } } },
      abilities: { rawPrompt: true },
    },
  ])(
    "is not taken over from text alone by an engine without tokens where it is $form",
    ({ init, abilities }) => {
      const attempt = (resume: Capabilities_Resume, point: GenerationInit["resume"]) => () =>
        refuseUnable(
          generationOf({ ...init, ...(point === undefined ? {} : { resume: point }) }),
          servedModel("m", { capabilities: { ...abilities, resume } }),
        );
      expect(attempt(TEXT, text)).toThrow(expect.objectContaining({ kind: "engine_failed" }));
      expect(attempt(TEXT, undefined)).not.toThrow();
      expect(attempt(TOKENS, text)).not.toThrow();
    },
  );
});
