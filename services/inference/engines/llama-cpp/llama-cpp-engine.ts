import { create } from "@bufbuild/protobuf";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../../core/generate.ts";
import { type LinkedController, linkSignal } from "../../../../core/streams/link-signal.ts";
import type { Generation, GenerationEvent } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  Capabilities_Resume,
  type ServedModel,
  ServedModelSchema,
} from "../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Engine } from "../../engine.ts";
import { embed } from "./embed.ts";
import { generate } from "./generate.ts";
import { type LlamaCppOptions, type LoadedModel, loadModel, stemOf } from "./load-model.ts";

/** An engine that runs llama.cpp in this process, on the CPU. Loads in its first `models` call. */
export function createLlamaCppEngine(options: LlamaCppOptions): Engine {
  return new LlamaCppEngine(options);
}

class LlamaCppEngine implements Engine {
  readonly #options: LlamaCppOptions;
  readonly #closing = new AbortController();
  #loading: Promise<LoadedModel> | undefined;
  #model: LoadedModel | undefined;

  constructor(options: LlamaCppOptions) {
    this.#options = options;
  }

  async models(signal: AbortSignal): Promise<ServedModel[]> {
    this.#closing.signal.throwIfAborted();
    const scope = this.#link(signal);
    try {
      if (this.#model === undefined) {
        this.#loading = loadModel(this.#options, scope.signal);
        this.#model = await this.#loading;
      }
      return [toServedModel(this.#options, this.#model)];
    } finally {
      scope.unlink();
    }
  }

  readonly generate: Generate = (generation, signal) => this.#generate(generation, signal);

  async close(): Promise<void> {
    this.#closing.abort(closed());
    await this.#loading?.catch(() => {});
    const model = this.#model;
    this.#model = undefined;
    await model?.pool.idle();
    await model?.native.close();
  }

  async *#generate(generation: Generation, signal: AbortSignal): AsyncGenerator<GenerationEvent> {
    if (this.#model === undefined) throw closed();
    const scope = this.#link(signal);
    try {
      const answer = generation.embedding === undefined ? generate : embed;
      yield* answer(generation, this.#model, scope.signal);
    } finally {
      scope.unlink();
    }
  }

  /** A controller that follows a caller's signal, and aborts when the engine closes. */
  #link(signal: AbortSignal): LinkedController {
    const scope = linkSignal(signal);
    const { unlink } = scope;
    const abort = () => scope.abort(this.#closing.signal.reason);
    this.#closing.signal.addEventListener("abort", abort);
    return Object.assign(scope, {
      unlink: () => {
        this.#closing.signal.removeEventListener("abort", abort);
        unlink();
      },
    });
  }
}

const closed = (): MeshError => new MeshError("engine_failed", "The engine is not loaded, or was closed.");

function toServedModel(
  { modelPath, modelName }: LlamaCppOptions,
  { native, toolCallFormat, reportsLogits, contextLength, fingerprint }: LoadedModel,
): ServedModel {
  const stem = stemOf(modelPath);
  return create(ServedModelSchema, {
    model: modelName ?? stem,
    engineName: stem,
    engine: "llama-cpp",
    contextLength,
    slots: native.context.sequences.length,
    fingerprint,
    capabilities: {
      tools: toolCallFormat !== undefined,
      forcedToolChoice: toolCallFormat !== undefined,
      jsonObject: true,
      jsonSchema: true,
      logprobs: reportsLogits,
      seed: true,
      vision: false,
      logitBias: true,
      resume: Capabilities_Resume.TOKENS,
      rawPrompt: true,
      embeddings: true,
    },
  });
}
