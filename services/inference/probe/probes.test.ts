import { describe, expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { FinishReason, type Generation } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { Capabilities_Resume } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { ableModel, colourOf, find, words } from "../../../test/support/inference/probe.ts";
import { toSolidPng } from "./attempts/vision.ts";
import { reasoningTokens } from "./trial.ts";

const refusal = new MeshError("invalid_request", "No such thing here.");
const failure = new MeshError("engine_failed", "The engine answered with HTTP 500.");
const isForced = ({ toolChoice }: Generation) => toolChoice !== undefined;
const offersTools = ({ tools }: Generation) => tools.length > 0;
const plain = () => ({ tokens: words(["A", "fig."]) });

test("a model that can do everything shows everything, in less than 1000 tokens", async () => {
  const { findings, engine } = await find(ableModel);
  expect(Object.fromEntries(findings)).toEqual(
    Object.fromEntries(
      [
        ...["answer", "embeddings", "logprobs", "logit_bias", "raw_prompt", "json_object", "json_schema"],
        ...["forced_tool_choice", "tools", "seed", "resume", "vision", "context_length"],
      ].map((name) => [name, { outcome: "shown" }]),
    ),
  );
  const most = engine.asked.reduce((sum, { limits }) => sum + (limits?.maxTokens ?? 0), 0);
  expect(most).toBeLessThan(1000);
});

test("resuming from tokens is shown when the rest is exact, with the fingerprint that the model has", async () => {
  const claims = { resume: Capabilities_Resume.TOKENS };
  const { findings, engine } = await find(ableModel, claims);
  expect(findings.get("resume")).toEqual({ outcome: "shown" });
  expect(engine.asked.find(({ resume }) => resume !== undefined)?.resume?.fingerprint).toBe("f");
  const other = await find(
    (generation) => (generation.resume === undefined ? ableModel(generation) : { tokens: words(["No."]) }),
    claims,
  );
  expect(other.findings.get("resume")).toMatchObject({
    outcome: "refuted",
    reason: "an answer was not continued exactly",
  });
  const mute = await find(() => ({ tokens: [{ text: "Once" }, { text: " a" }, { text: " fox" }] }), claims);
  expect(mute.findings.get("resume")).toMatchObject({ reason: "its answers come without token ids" });
});

describe("a claim is refuted", () => {
  test("by a refusal of what it takes, and nothing else is", async () => {
    const { findings } = await find((generation) => {
      if (generation.outputFormat?.format.case === "jsonSchema") throw refusal;
      return ableModel(generation);
    });
    expect([...findings].filter(([, { outcome }]) => outcome !== "shown")).toEqual([
      ["json_schema", { outcome: "refuted", reason: "it is refused: No such thing here." }],
    ]);
  });

  test("by failing twice while plain questions are answered", async () => {
    const { findings, engine } = await find((generation) => {
      if (generation.logprobs !== undefined) throw failure;
      return ableModel(generation);
    });
    expect(findings.get("logprobs")).toMatchObject({
      outcome: "refuted",
      reason: "it fails, though a plain question is answered: The engine answered with HTTP 500.",
    });
    expect(engine.asked.filter(({ logprobs }) => logprobs !== undefined)).toHaveLength(2);
    expect(findings.get("json_schema")).toEqual({ outcome: "shown" });
  });

  test("of a model that only embeds: all but that", async () => {
    const { findings } = await find((generation) => {
      if (generation.embedding === undefined) throw refusal;
      return ableModel(generation);
    });
    const outcomes = [...findings].map(([name, { outcome }]) => [name, outcome]);
    expect(outcomes.filter(([, outcome]) => outcome === "shown")).toEqual([["embeddings", "shown"]]);
    expect(new Set(outcomes.map(([, outcome]) => outcome))).toEqual(new Set(["shown", "refuted"]));
  });
});

test("a model without a chat template goes on from raw prompts, and is not asked for more", async () => {
  for (const error of [refusal, failure]) {
    const { findings } = await find((generation) => {
      if (generation.embedding !== undefined) throw refusal;
      if (generation.rawPrompt === undefined) throw error;
      return ableModel(generation);
    });
    const able = [...findings].filter(([, { outcome }]) => outcome !== "refuted");
    expect(able).toEqual([["raw_prompt", { outcome: "shown" }]]);
  }
});

describe("a claim is left undecided", () => {
  test("while the engine does not answer anything, and nothing more is asked", async () => {
    const { findings, engine } = await find(() => {
      throw failure;
    });
    expect(new Set([...findings.values()].map(({ outcome }) => outcome))).toEqual(new Set(["undecided"]));
    // A plain question, a raw prompt, and a text to embed.
    expect(engine.asked).toHaveLength(3);
  });

  test("when the engine goes away in the middle; what was shown before stands", async () => {
    let left = 6;
    const { findings } = await find((generation) => {
      if (left-- <= 0) throw failure;
      return ableModel(generation);
    });
    const outcomes = [...findings.values()].map(({ outcome }) => outcome);
    expect(outcomes.slice(0, 4)).toEqual(["shown", "shown", "shown", "shown"]);
    expect(new Set(outcomes.slice(4))).toEqual(new Set(["undecided"]));
  });

  test("when the engine is busy with others, at the first word of it", async () => {
    const { findings, engine } = await find((generation) => {
      if (generation.outputFormat !== undefined) throw new MeshError("saturated", "Busy.");
      return ableModel(generation);
    });
    expect(findings.get("json_object")).toEqual({ outcome: "undecided", reason: "Busy." });
    expect(findings.get("vision")).toEqual({ outcome: "undecided", reason: "Busy." });
    expect(engine.asked.filter(({ outputFormat }) => outputFormat !== undefined)).toHaveLength(1);
  });
});

describe("weak and thoughtful models", () => {
  test("that do not call by themselves have tools all the same, where calls can be forced", async () => {
    const { findings } = await find((generation) =>
      offersTools(generation) && !isForced(generation) ? plain() : ableModel(generation),
    );
    expect(findings.get("tools")).toEqual({ outcome: "shown" });
  });

  test("are told not to think, and asked with room for thoughts where those say nothing", async () => {
    const { findings, engine } = await find((generation) => {
      const reply = ableModel(generation);
      if (reply.embeddings !== undefined || generation.rawPrompt !== undefined) return reply;
      const maxTokens = generation.limits!.maxTokens!;
      if (maxTokens > 400) return { ...reply, reasoning: "Hm." };
      // Not beyond its thoughts, which depend on what answers depend on.
      return { reasoning: JSON.stringify(reply), reason: FinishReason.LENGTH };
    });
    expect([...findings].filter(([, { outcome }]) => outcome !== "shown")).toEqual([]);
    expect(engine.asked[0]?.reasoning?.enabled).toBe(false);
    const roomy = engine.asked.filter(({ limits }) => limits!.maxTokens! > 400);
    expect(reasoningTokens).toBeGreaterThan(400);
    expect(roomy.some(({ outputFormat }) => outputFormat !== undefined)).toBe(true);
    expect(roomy.some(({ sampling }) => sampling?.seed !== undefined)).toBe(false);
  });

  test("whose engine refuses the wish not to think are asked without it, after one try", async () => {
    const { findings, engine } = await find((generation) => {
      if (generation.reasoning !== undefined) throw refusal;
      return ableModel(generation);
    });
    expect([...findings.values()].every(({ outcome }) => outcome === "shown")).toBe(true);
    expect(engine.asked.filter(({ reasoning }) => reasoning !== undefined)).toHaveLength(1);
  });
});

test("pictures are PNGs of the colour that was asked for", () => {
  expect(colourOf(toSolidPng(28, [230, 0, 0]))).toBe("Red.");
  expect(colourOf(toSolidPng(224, [0, 0, 230]))).toBe("Blue.");
});
