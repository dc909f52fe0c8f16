import { describe, expect, test } from "vitest";
import { ToolChoice_Mode } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { Capabilities_Resume } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { type GenerationInit, generationOf, servedModel } from "../../test/support/inference/fake-engine.ts";
import { canResume } from "./resume.ts";

const { NONE, TEXT, TOKENS } = Capabilities_Resume;
const tokens = { tokenIds: [1, 2], text: "ab" };
const text = { text: "ab" };

/** Whether a model that resumes in this way takes over what these fields ask for. */
const takes = (resume: Capabilities_Resume, init: GenerationInit): boolean =>
  canResume(servedModel("m", { capabilities: { resume } }), generationOf(init));

describe("an answer that another node has begun", () => {
  test.each([
    { resume: NONE, point: tokens, taken: false, because: "nothing is resumed there" },
    { resume: NONE, point: text, taken: false, because: "nothing is resumed there" },
    {
      resume: NONE,
      point: {},
      taken: true,
      because: "nothing has been written, so nothing is to be resumed",
    },
    { resume: NONE, point: { fingerprint: "g" }, taken: false, because: "another engine is demanded" },
    {
      resume: TEXT,
      point: tokens,
      taken: false,
      because: "tokens promise exactness, which text cannot keep",
    },
    { resume: TEXT, point: { tokenIds: [1] }, taken: false, because: "it takes no tokens" },
    { resume: TEXT, point: text, taken: true, because: "it takes text" },
    { resume: TEXT, point: {}, taken: true, because: "nothing has been written" },
    { resume: TOKENS, point: tokens, taken: true, because: "it takes tokens" },
    { resume: TOKENS, point: text, taken: true, because: "who takes tokens takes text" },
    { resume: TOKENS, point: {}, taken: true, because: "nothing has been written" },
    { resume: TOKENS, point: { ...tokens, fingerprint: "f" }, taken: true, because: "it is that engine" },
    { resume: TOKENS, point: { ...tokens, fingerprint: "g" }, taken: false, because: "it is another engine" },
  ])("is resumed with $resume from $point: $taken, because $because", ({ resume, point, taken }) => {
    expect(takes(resume, { resume: point })).toBe(taken);
  });

  test.each<{ form: string; init: GenerationInit }>([
    { form: "JSON", init: { outputFormat: { format: { case: "jsonObject", value: {} } } } },
    {
      form: "JSON of a schema",
      init: { outputFormat: { format: { case: "jsonSchema", value: { schemaJson: "{}" } } } },
    },
    {
      form: "a forced call",
      init: { tools: [{ name: "f" }], toolChoice: { mode: ToolChoice_Mode.REQUIRED } },
    },
    {
      form: "what follows a prompt of tokens",
      init: { messages: [], rawPrompt: { prompt: { case: "tokens", value: { ids: [1] } } } },
    },
  ])("is not resumed from text by an engine without tokens where it is $form", ({ init }) => {
    expect(takes(TEXT, { ...init, resume: text })).toBe(false);
    expect(takes(TEXT, { ...init, resume: {} })).toBe(true);
    expect(takes(TEXT, init)).toBe(true);
    expect(takes(TOKENS, { ...init, resume: text })).toBe(true);
  });

  test("is free text where an output format names no format: that message asks for nothing", () => {
    expect(takes(TEXT, { outputFormat: {}, resume: text })).toBe(true);
  });

  test("is not resumed by a model that says nothing of what it can do", () => {
    const served = servedModel("m");
    delete served.capabilities;
    expect(canResume(served, generationOf({ resume: text }))).toBe(false);
    expect(canResume(served, generationOf())).toBe(true);
  });
});
