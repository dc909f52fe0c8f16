import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { needsOf } from "../../../core/generation/capabilities.ts";
import { ResumePointSchema, ToolChoice_Mode } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { Capabilities_Resume } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { candidateOf, generationOf } from "../../../test/support/router/router.ts";
import type { Candidate } from "./candidate.ts";
import type { RouteRequest } from "./filters.ts";
import { profiles } from "./profile.ts";
import { rank } from "./rank.ts";

const requestOf = (fields: Parameters<typeof generationOf>[0] = {}, tried: string[] = []): RouteRequest => {
  const generation = generationOf(fields);
  return { generation, needs: needsOf(generation), tried };
};
const rankOf = (candidates: Candidate[], request = requestOf()) =>
  rank(request, candidates, profiles.interactive);
const order = (candidates: Candidate[], request?: RouteRequest) =>
  rankOf(candidates, request).ranked.map(({ candidate }) => candidate.node.id);

describe("the filters", () => {
  test.each<[string, Partial<Candidate>]>([
    ["model", { served: undefined }],
    ["lease", { listed: false }],
    ["relay", { connected: false }],
    ["draining", { draining: true }],
  ])("reject with the word %s", (filter, fields) => {
    const { ranked, rejected } = rankOf([candidateOf("a", fields), candidateOf("b")]);
    expect(ranked.map(({ candidate }) => candidate.node.id)).toEqual(["b"]);
    expect(rejected).toMatchObject([{ candidate: { node: { id: "a" } }, filter }]);
  });

  test("say what a node cannot do", () => {
    const request = requestOf({
      tools: [{ name: "f" }],
      toolChoice: { mode: ToolChoice_Mode.REQUIRED },
      logprobs: { top: 1 },
    });
    const { rejected } = rankOf([candidateOf("a", { offers: 1 })], request);
    expect(rejected[0]).toMatchObject({
      filter: "capabilities",
      reason: "It cannot be forced to call a tool and report log probabilities.",
    });
  });

  test("pass over a node that has failed this generation", () => {
    expect(order([candidateOf("a"), candidateOf("b")], requestOf({}, ["a"]))).toEqual(["b"]);
  });

  const resumes = (resume: Capabilities_Resume, fingerprint: string): Candidate => {
    const candidate = candidateOf("a", { offers: ~0 });
    const served = candidate.served!;
    return {
      ...candidate,
      served: { ...served, fingerprint, capabilities: { ...served.capabilities!, resume } },
    };
  };

  test.each<[string, Parameters<typeof generationOf>[0]]>([
    ["JSON", { outputFormat: { format: { case: "jsonObject", value: {} } } }],
    ["a forced call", { tools: [{ name: "f" }], toolChoice: { mode: ToolChoice_Mode.REQUIRED } }],
    ["a prompt of tokens", { rawPrompt: { prompt: { case: "tokens", value: { ids: [1] } } } }],
  ])("let no engine that has only the text continue %s", (_, fields) => {
    const request = requestOf({ ...fields, resume: create(ResumePointSchema, { text: "ab" }) });
    expect(order([resumes(Capabilities_Resume.TEXT, "")], request)).toEqual([]);
    expect(order([resumes(Capabilities_Resume.TOKENS, "")], request)).toEqual(["a"]);
  });

  test("let only an equal engine continue from tokens, and any that can from text", () => {
    const exact = requestOf({ resume: { tokenIds: [1, 2], text: "ab", fingerprint: "f" } });
    const near = requestOf({ resume: { text: "ab" } });
    expect(order([resumes(Capabilities_Resume.TOKENS, "f")], exact)).toEqual(["a"]);
    expect(order([resumes(Capabilities_Resume.TOKENS, "other")], exact)).toEqual([]);
    expect(order([resumes(Capabilities_Resume.TEXT, "f")], exact)).toEqual([]);
    expect(order([resumes(Capabilities_Resume.TEXT, "other")], near)).toEqual(["a"]);
    expect(order([resumes(Capabilities_Resume.TOKENS, "other")], near)).toEqual(["a"]);
    expect(order([resumes(Capabilities_Resume.NONE, "f")], near)).toEqual([]);
  });

  test("use a resting node, or one with a long queue, only when nobody else is left", () => {
    const resting = candidateOf("resting", { ejected: "failing", whyEjected: "It rests." });
    const crowded = candidateOf("crowded", { occupied: 8, slots: 4 });
    expect(order([resting, candidateOf("b")])).toEqual(["b"]);
    expect(order([crowded, candidateOf("b")])).toEqual(["b"]);
    expect(order([resting])).toEqual(["resting"]);
    expect(order([crowded])).toEqual(["crowded"]);
  });
});

describe("the order", () => {
  test("puts the node with the shortest expected wait first, whatever its queue", () => {
    const fast = candidateOf("fast", { occupied: 5, slots: 4, firstTokenMs: 20, serviceMs: 100 });
    const slow = candidateOf("slow", { firstTokenMs: 2000, serviceMs: 20_000 });
    expect(order([slow, fast])).toEqual(["fast", "slow"]);
  });

  test("yields to the slow node when the fast one's queue takes longer", () => {
    const fast = candidateOf("fast", { occupied: 7, slots: 4, firstTokenMs: 20, serviceMs: 10_000 });
    const slow = candidateOf("slow", { firstTokenMs: 2000, serviceMs: 20_000 });
    expect(order([slow, fast])).toEqual(["slow", "fast"]);
  });

  test("hopes that an untried node is as good as the best, so that it is tried", () => {
    const known = candidateOf("known", { firstTokenMs: 100, serviceMs: 1000, tokenMs: 20, occupied: 1 });
    expect(order([known, candidateOf("new")])).toEqual(["new", "known"]);
  });

  test("prefers the quicker pace among equals", () => {
    const brisk = candidateOf("brisk", { firstTokenMs: 100, tokenMs: 10 });
    const sluggish = candidateOf("sluggish", { firstTokenMs: 100, tokenMs: 100 });
    expect(order([sluggish, brisk])).toEqual(["brisk", "sluggish"]);
  });

  test("spreads generations over equal nodes, evenly, and always in the same way", () => {
    const nodes = ["a", "b", "c", "d"].map((id) => candidateOf(id));
    const first = Array.from({ length: 4000 }, (_, index) => order(nodes, requestOf({ id: `g${index}` }))[0]);
    for (const { node } of nodes) {
      const share = first.filter((id) => id === node.id).length;
      expect(share).toBeGreaterThan(900);
      expect(share).toBeLessThan(1100);
    }
    expect(order(nodes, requestOf({ id: "g1" }))).toEqual(order(nodes, requestOf({ id: "g1" })));
  });

  test("keeps every node exactly once and every score in [0, 1], best first, whatever the fleet", () => {
    const number = (max: number) => fc.double({ min: 0, max, noNaN: true });
    const candidate = fc.record({
      slots: fc.integer({ min: 1, max: 64 }),
      occupied: fc.integer({ min: 0, max: 200 }),
      ejected: fc.constantFrom(undefined, undefined, "failing" as const, "slow" as const),
      connected: fc.boolean(),
      draining: fc.boolean(),
      firstTokenMs: fc.option(number(1e6), { nil: undefined }),
      tokenMs: fc.option(number(1e4), { nil: undefined }),
      serviceMs: fc.option(number(1e7), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(candidate, { maxLength: 12 }), (fields) => {
        const candidates = fields.map((each, index) => candidateOf(`n${index}`, each));
        const { ranked, rejected } = rankOf(candidates);
        const ids = [...ranked, ...rejected].map(({ candidate: { node } }) => node.id).sort();
        expect(ids).toEqual(candidates.map(({ node }) => node.id).sort());
        for (const { scores, total } of ranked)
          for (const score of [...scores, total]) {
            expect(score).toBeGreaterThanOrEqual(0);
            expect(score).toBeLessThanOrEqual(1 + 1e-9);
          }
        const totals = ranked.map(({ total }) => total);
        expect(totals).toEqual([...totals].sort((a, b) => b - a));
      }),
    );
  });
});

test("the weights of a profile add up to 1", () => {
  for (const profile of Object.values(profiles))
    expect(profile.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1);
});
