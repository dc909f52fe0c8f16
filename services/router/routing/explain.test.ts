import { expect, test } from "vitest";
import { needsOf } from "../../../core/generation/capabilities.ts";
import { candidateOf, generationOf } from "../../../test/support/router/router.ts";
import { explain } from "./explain.ts";
import type { RouteRequest } from "./filters.ts";
import { profiles } from "./profile.ts";
import { rank } from "./rank.ts";

const profile = profiles.interactive;

function explainOf(candidates: Parameters<typeof rank>[1], fields: Parameters<typeof generationOf>[0] = {}) {
  const generation = generationOf(fields);
  const request: RouteRequest = { generation, needs: needsOf(generation), tried: [] };
  return explain(rank(request, candidates, profile), request, profile).verdicts;
}

test("a node that cannot do what is needed is told apart by what it lacks, whatever else speaks against it", () => {
  const verdicts = explainOf(
    [
      candidateOf("able"),
      candidateOf("unable", { offers: 1 }),
      candidateOf("away", { connected: false, offers: 0 }),
      candidateOf("other", { served: undefined, offers: 0 }),
    ],
    { tools: [{ name: "f" }], logprobs: { top: 1 } },
  );
  expect(verdicts.map(({ node, rejectedBy, missing }) => [node?.id, rejectedBy, missing])).toEqual([
    ["able", "", []],
    ["unable", "capabilities", ["report log probabilities"]],
    ["away", "relay", ["call tools", "report log probabilities"]],
    ["other", "model", []],
  ]);
  expect(verdicts[1]?.reason).toBe("It cannot report log probabilities.");
  expect(verdicts[0]?.node?.models[0]?.capabilities).toMatchObject({ tools: true, logprobs: true });
});

test("a node's speed is what this router has measured, and absent before", () => {
  const verdicts = explainOf([candidateOf("a", { measuredTokenMs: 20 }), candidateOf("b")]);
  const speeds = Object.fromEntries(verdicts.map(({ node, tokensPerSecond }) => [node?.id, tokensPerSecond]));
  expect(speeds).toEqual({ a: 50, b: undefined });
});
