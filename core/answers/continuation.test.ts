import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { GenerationSchema } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { toApproximate } from "../generation/resume.ts";
import { listContinuations } from "./continuation.ts";

const asked = create(GenerationSchema, { id: "g", model: "m" });
const delivered = { text: "ab", tokenIds: [1, 2], tokens: 2, reasoningTokens: 0, hasToolCalls: false };

const exactness = (fingerprint: string) =>
  listContinuations({ asked, delivered, fingerprint }).map(({ generation, exact }) => [
    generation.resume?.tokenIds.length,
    exact,
  ]);

test("an answer continues from its tokens exactly, or else from its text", () => {
  expect(exactness("f")).toEqual([
    [2, true],
    [0, false],
  ]);
});

test("an engine that is only approximate continues from its tokens, too, and does not claim to be exact", () => {
  expect(exactness(toApproximate("f"))).toEqual([
    [2, false],
    [0, false],
  ]);
});

test("without a fingerprint, only the text is known", () => {
  expect(exactness("")).toEqual([[0, false]]);
});
