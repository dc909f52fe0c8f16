import fc from "fast-check";
import { expect, test } from "vitest";
import { needsOf } from "../../../core/generation/capabilities.ts";
import { ToolChoice_Mode } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { candidateOf, generationOf, nodeOf } from "../../../test/support/router/router.ts";
import { filters, firstToReject, isAble, type RouteRequest } from "./filters.ts";
import { pick } from "./pick.ts";
import { profiles } from "./profile.ts";
import { rank } from "./rank.ts";

/** Few different values, so that nodes are often equal and rules often decide. */
const fleets = fc
  .array(
    fc.record({
      slots: fc.constantFrom(1, 4),
      occupied: fc.constantFrom(0, 1, 4, 8, 9),
      offers: fc.constantFrom(0, 1, 3, 511),
      ejected: fc.constantFrom(undefined, undefined, "failing" as const, "slow" as const),
      listed: fc.constantFrom(true, true, true, false),
      connected: fc.constantFrom(true, true, true, false),
      draining: fc.constantFrom(false, false, false, true),
      firstTokenMs: fc.constantFrom(undefined, 100, 250.5),
      tokenMs: fc.constantFrom(undefined, 8, 20),
      serviceMs: fc.constantFrom(undefined, 900),
      served: fc.constantFrom(...["", "", "one", "two"].map((via) => nodeOf("n", {}, { via }).models[0])),
    }),
    { maxLength: 12 },
  )
  .map((fields) => fields.map((each, index) => candidateOf(`n${index}`, each)));

const generations = fc
  .record({
    id: fc.string({ maxLength: 8 }),
    call: fc.constantFrom<Parameters<typeof generationOf>[0]>(
      {},
      { caller: { hops: 1, via: ["one"] } },
      { tools: [{ name: "f" }] },
      { tools: [{ name: "f" }], toolChoice: { mode: ToolChoice_Mode.REQUIRED } },
    ),
    resume: fc.constantFrom<Parameters<typeof generationOf>[0]>(
      {},
      { resume: { text: "ab" } },
      { resume: { tokenIds: [1], text: "a", fingerprint: "f" } },
    ),
  })
  .map(({ id, call, resume }) => generationOf({ id, ...call, ...resume } as typeof call));

const requests: fc.Arbitrary<RouteRequest> = fc
  .tuple(
    generations,
    fc.subarray(["n0", "n1", "n2"]),
    // The nodes' context and one more token.
    fc.constantFrom(undefined, undefined, 4096, 4097),
  )
  .map(([generation, tried, leastContext]) => ({
    generation,
    needs: needsOf(generation),
    tried,
    leastContext,
  }));

test("picks the node that the ranking puts first", () => {
  fc.assert(
    fc.property(requests, fleets, (request, candidates) => {
      const first = rank(request, candidates, profiles.interactive).ranked[0]?.candidate;
      expect(pick(request, candidates, profiles.interactive)).toBe(first);
    }),
    { numRuns: 1000 },
  );
});

test("asks the same of a node as all filters together", () => {
  fc.assert(
    fc.property(requests, fleets, (request, candidates) => {
      for (const candidate of candidates)
        expect(isAble(candidate, request)).toBe(firstToReject(filters, candidate, request) === undefined);
    }),
    { numRuns: 1000 },
  );
});
