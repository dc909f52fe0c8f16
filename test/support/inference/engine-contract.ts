import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe } from "vitest";
import { GenerationSchema, Role } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ServedModel } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Engine } from "../../../services/inference/engine.ts";
import { transcribe } from "../../../services/inference/transcript.ts";
import { describeBasics } from "./contract/basics.ts";
import { describeEmbeddings } from "./contract/embeddings.ts";
import { describeForms } from "./contract/forms.ts";
import { describeLimits } from "./contract/limits.ts";
import { describeNeighbours } from "./contract/neighbours.ts";
import { describeRawPrompt } from "./contract/raw-prompt.ts";
import { describeResumeText } from "./contract/resume-text.ts";
import { describeSampling } from "./contract/sampling.ts";
import { type EngineUnderTest, never, type Subject } from "./contract/subject.ts";

export type { EngineUnderTest } from "./contract/subject.ts";

/**
 * The contract of `engine.ts` as a suite, the same for every engine. Call it in a file of its own, named
 * `*.contract.test.ts`.
 */
export function describeEngine(name: string, underTest: EngineUnderTest): void {
  describe(`engine ${name}`, () => {
    let engine: Engine;
    let served: ServedModel;
    let asked = 0;

    beforeAll(async () => {
      engine = await underTest.create();
      served = (await engine.models(never))[0]!;
    });
    afterAll(() => engine?.close());

    const subject: Subject = {
      ...underTest,
      get engine() {
        return engine;
      },
      get served() {
        return served;
      },
      ask: (prompt, init = {}) =>
        create(GenerationSchema, {
          id: `contract-${++asked}`,
          model: served.model,
          messages: [{ role: Role.USER, parts: [{ part: { case: "text", value: prompt } }] }],
          ...init,
          sampling: { temperature: 0, ...init.sampling },
          limits: { maxTokens: 24, ...init.limits },
        }),
      answer: (prompt, init) => transcribe(engine.generate(subject.ask(prompt, init), never)),
    };
    describeBasics(subject);
    describeLimits(subject);
    describeNeighbours(subject);
    describeSampling(subject);
    describeResumeText(subject);
    describeForms(subject);
    describeRawPrompt(subject);
    describeEmbeddings(subject);
  });
}
