import type { Generation } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ServedModel } from "../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Engine } from "../../../../services/inference/engine.ts";
import type { Transcript } from "../../../../services/inference/transcript.ts";
import type { Abilities, GenerationInit } from "../fake-engine.ts";

/** An engine to hold against the contract. */
export interface EngineUnderTest {
  /** Makes a fresh engine, not yet loaded. */
  readonly create: () => Engine | Promise<Engine>;
  /** What its first model is to claim, exactly; each claim is tried. */
  readonly abilities: Abilities;
  /** False: the engine has no use for token ids, and refuses raw prompts that are given so. Absent means true. */
  readonly takesTokenIds?: boolean;
  /** Prompts, different from each other, with answers of at least 12 tokens at temperature 0. */
  readonly prompts: readonly [string, string, ...string[]];
}

/** What the parts of the suite share. Engine and model are there once the tests run, not while they are named. */
export interface Subject extends EngineUnderTest {
  readonly engine: Engine;
  readonly served: ServedModel;
  /** A generation at temperature 0 of at most 24 tokens, but for what is said. */
  ask(prompt: string, init?: GenerationInit): Generation;
  /** The engine's whole answer to it. */
  answer(prompt: string, init?: GenerationInit): Promise<Transcript>;
}

/** A signal that never aborts. */
export const never = new AbortController().signal;
