import { basename, extname } from "node:path";
import { create } from "@bufbuild/protobuf";
import { type Clock, systemClock } from "../../../../core/clock.ts";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../../core/generate.ts";
import { type LinkedController, linkSignal } from "../../../../core/streams/link-signal.ts";
import { type Log, silentLog } from "../../../../core/telemetry/log.ts";
import type { Generation, GenerationEvent } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  Capabilities_Resume,
  type ServedModel,
  ServedModelSchema,
} from "../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Engine } from "../../engine.ts";
import { embed } from "./embed.ts";
import { generate } from "./generate.ts";
import { type LoadedModel, loadModel } from "./load-model.ts";

/** What to serve, and how. */
export interface LlamaCppOptions {
  /** A GGUF file. */
  readonly modelPath: string;
  /** Name to serve under; default: the file name without its extension. */
  readonly modelName?: string;
  /** Concurrent generations; default: up to 8, as memory allows. */
  readonly slots?: number;
  /** Tokens of one generation, prompt and answer together; default: the trained length, up to 4096. */
  readonly contextSize?: number;
  /** Compute threads; default 1. More than idle cores slow it down. */
  readonly threads?: number;
  readonly clock?: Clock;
  readonly log?: Log;
  /** Called with the progress of loading, in [0, 1], and what is being loaded. */
  readonly onProgress?: ((what: string, share: number) => void) | undefined;
}

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
    this.#model ??= await this.#load(signal);
    return [toServedModel(this.#options, this.#model)];
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

  async #load(signal: AbortSignal): Promise<LoadedModel> {
    this.#closing.signal.throwIfAborted();
    const scope = this.#link(signal);
    try {
      const {
        modelPath,
        slots,
        contextSize,
        threads = 1,
        clock = systemClock,
        log = silentLog,
        onProgress,
      } = this.#options;
      const onLoadProgress = (share: number) => onProgress?.(`loading ${stemOf(modelPath)}`, share);
      this.#loading = loadModel(
        { path: modelPath, slots, contextSize, threads, clock, log, onLoadProgress },
        scope.signal,
      );
      const startedAt = clock.now();
      this.#model = await this.#loading;
      const { native, contextLength, fingerprint, toolCallFormat } = this.#model;
      log.info(
        {
          path: modelPath,
          slots: native.context.sequences.length,
          context_length: contextLength,
          fingerprint,
          tool_calls: toolCallFormat?.name ?? "none",
          duration_ms: Math.round(clock.now() - startedAt),
        },
        "model loaded",
      );
      return this.#model;
    } finally {
      scope.unlink();
    }
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

const stemOf = (path: string): string => basename(path, extname(path));
