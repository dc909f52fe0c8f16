import { expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { FinishReason, type Generation, Role } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { ableModel, call, find, type Replies, words } from "../../../test/support/inference/probe.ts";
import type { ProbeName } from "./trial.ts";

const refusal = new MeshError("invalid_request", "No such thing here.");
const isForced = ({ toolChoice }: Generation) => toolChoice !== undefined;
const offersTools = ({ tools }: Generation) => tools.length > 0;
const without = (field: "sampling" | "resume", generation: Generation): Generation => {
  const { [field]: _, ...rest } = generation;
  return rest;
};
const isTooLong = ({ messages }: Generation) => JSON.stringify(messages).length > 1500;

/** One way in which engines are not what they claim. */
interface Lie {
  readonly probe: ProbeName;
  readonly how: string;
  readonly when: (generation: Generation) => boolean;
  readonly says: Replies;
  readonly reason: RegExp;
}

const plain = () => ({ tokens: words(["A", "fig."]) });

const lies: readonly Lie[] = [
  {
    probe: "answer",
    how: "nothing is said",
    when: ({ embedding, rawPrompt }) => embedding === undefined && rawPrompt === undefined,
    says: () => ({}),
    reason: /empty answer/,
  },
  {
    probe: "embeddings",
    how: "one vector is missing",
    when: ({ embedding }) => embedding !== undefined,
    says: () => ({ embeddings: [[1, 0]] }),
    reason: /became 1 vectors/,
  },
  {
    probe: "embeddings",
    how: "vectors are not normalized",
    when: ({ embedding }) => embedding !== undefined,
    says: () => ({
      embeddings: [
        [3, 4],
        [4, 3],
      ],
    }),
    reason: /length 1/,
  },
  {
    probe: "embeddings",
    how: "vectors hold no numbers",
    when: ({ embedding }) => embedding !== undefined,
    says: () => ({
      embeddings: [
        [Number.NaN, 1],
        [1, 0],
      ],
    }),
    reason: /length 1/,
  },
  {
    probe: "embeddings",
    how: "everything is the same vector",
    when: ({ embedding }) => embedding !== undefined,
    says: () => ({
      embeddings: [
        [1, 0],
        [1, 0],
      ],
    }),
    reason: /same vector/,
  },
  {
    probe: "logprobs",
    how: "they are ignored",
    when: ({ logprobs }) => logprobs !== undefined,
    says: plain,
    reason: /no log probabilities/,
  },
  {
    probe: "logprobs",
    how: "five alternatives are the most",
    when: ({ logprobs }) => logprobs !== undefined,
    says: () => ({ tokens: words(["red", "green", "blue"]), alternatives: 5 }),
    reason: /20 alternatives/,
  },
  {
    probe: "logit_bias",
    how: "it is ignored",
    when: ({ sampling }) => Object.keys(sampling?.logitBias ?? {}).length > 0,
    says: (generation) => ableModel(without("sampling", generation)),
    reason: /changed nothing/,
  },
  {
    probe: "logit_bias",
    how: "any of them does the same",
    when: ({ sampling }) => Object.keys(sampling?.logitBias ?? {}).length > 0,
    says: plain,
    reason: /did the same/,
  },
  {
    probe: "raw_prompt",
    how: "a template is put around it",
    when: ({ rawPrompt }) => rawPrompt?.prompt.case === "text",
    says: () => ({ tokens: words(["there"]), promptTokens: 12 }),
    reason: /chat template/,
  },
  {
    probe: "raw_prompt",
    how: "tokens are taken for text",
    when: ({ rawPrompt }) => rawPrompt?.prompt.case === "tokens",
    says: () => ({ tokens: words(["there"]), promptTokens: 9 }),
    reason: /2 tokens was counted as 9/,
  },
  {
    probe: "json_object",
    how: "it is ignored",
    when: ({ outputFormat }) => outputFormat?.format.case === "jsonObject",
    says: plain,
    reason: /not a JSON object/,
  },
  {
    probe: "json_object",
    how: "the object stands in a fence",
    when: ({ outputFormat }) => outputFormat?.format.case === "jsonObject",
    says: () => ({ tokens: [{ text: '```json\n{"fruit":"fig"}\n```' }] }),
    reason: /not a JSON object/,
  },
  {
    probe: "json_schema",
    how: "the schema is taken for JSON mode",
    when: ({ outputFormat }) => outputFormat?.format.case === "jsonSchema",
    says: () => ({ tokens: [{ text: '{"fruit":"fig"}' }] }),
    reason: /did not match/,
  },
  {
    probe: "json_schema",
    how: "what stands deeper in the schema is ignored",
    when: ({ outputFormat }) => outputFormat?.format.case === "jsonSchema",
    says: () => ({ tokens: [{ text: '{"code":"vx-4071","detail":{"grade":8}}' }] }),
    reason: /did not match/,
  },
  {
    probe: "json_schema",
    how: "blanks never end",
    when: ({ outputFormat }) => outputFormat?.format.case === "jsonSchema",
    says: () => ({ tokens: Array.from({ length: 500 }, () => ({ text: "\n" })) }),
    reason: /did not end/,
  },
  {
    probe: "forced_tool_choice",
    how: "it is ignored",
    when: isForced,
    says: plain,
    reason: /named was not called/,
  },
  {
    probe: "forced_tool_choice",
    how: "another function is called than was named",
    when: isForced,
    says: () => call("get_time"),
    reason: /named was not called/,
  },
  {
    probe: "forced_tool_choice",
    how: "only a name forces a call",
    when: ({ toolChoice }) => toolChoice?.allowedNames.length === 0,
    says: plain,
    reason: /had to be called was not called/,
  },
  {
    probe: "forced_tool_choice",
    how: "arguments are not what the function declares",
    when: isForced,
    says: () => call("get_weather", '{"town":"Oslo"}'),
    reason: /as it is declared/,
  },
  {
    probe: "forced_tool_choice",
    how: "the answer ends as if nothing had been called",
    when: isForced,
    says: () => ({ ...call("get_weather"), reason: FinishReason.STOP }),
    reason: /did not end for that reason/,
  },
  {
    probe: "tools",
    how: "a call comes as text, and forced ones do not come at all",
    when: offersTools,
    says: () => ({ tokens: [{ text: '<tool_call>{"name":"get_weather"}</tool_call>' }] }),
    reason: /did not call a function when plainly asked/,
  },
  {
    probe: "tools",
    how: "arguments are no JSON",
    when: (generation) => offersTools(generation) && !isForced(generation),
    says: () => call("get_weather", '{"city":'),
    reason: /other arguments/,
  },
  {
    probe: "tools",
    how: "the template has no place for a result",
    when: ({ messages }) => messages.at(-1)?.role === Role.TOOL,
    says: () => {
      throw refusal;
    },
    reason: /refused: No such thing/,
  },
  {
    probe: "seed",
    how: "every answer is another",
    when: ({ sampling }) => sampling?.seed !== undefined,
    says: () => ({ tokens: words([crypto.randomUUID()]) }),
    reason: /different answers/,
  },
  {
    probe: "seed",
    how: "nothing is drawn at all",
    when: ({ sampling }) => sampling?.seed !== undefined,
    says: plain,
    reason: /do not vary/,
  },
  {
    probe: "resume",
    how: "the answer begins anew",
    when: ({ resume }) => resume !== undefined,
    says: (generation) => ableModel(without("resume", generation)),
    reason: /not continued/,
  },
  {
    probe: "vision",
    how: "pictures are dropped",
    when: ({ messages }) => messages.at(-1)?.parts.some(({ part }) => part.case === "image") === true,
    says: () => ({ tokens: [{ text: "Red." }] }),
    reason: /not distinguished/,
  },
  {
    probe: "context_length",
    how: "a prompt is cut short",
    when: isTooLong,
    says: () => ({ ...plain(), promptTokens: 1024 }),
    reason: /cut short without a word/,
  },
  {
    probe: "context_length",
    how: "there is more room than it says",
    when: isTooLong,
    says: () => ({ ...plain(), promptTokens: 1030 }),
    reason: /longer than the 1024/,
  },
  {
    probe: "context_length",
    how: "the refusal does not say why",
    when: isTooLong,
    says: () => {
      throw refusal;
    },
    reason: /for another reason: No such thing/,
  },
];

test.each(lies)("$probe is refuted when $how", async ({ probe, when, says, reason }) => {
  const { findings } = await find((generation) =>
    when(generation) ? says(generation) : ableModel(generation),
  );
  expect(findings.get(probe)).toMatchObject({
    outcome: "refuted",
    reason: expect.stringMatching(reason),
  });
});
