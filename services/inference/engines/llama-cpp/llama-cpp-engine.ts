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
  /** Name under which it is served; default: the file's name without its ending. */
  readonly modelName?: string;
  /** Generations at the same time; default: up to 8, as memory allows. */
  readonly slots?: number;
  /** Tokens of one generation, prompt and answer together; default: what the model was trained on, up to 4096. */
  readonly contextSize?: number;
  /** Threads that compute; default 1. More than there are idle cores makes it slower, not faster. */
  readonly threads?: number;
  readonly clock?: Clock;
  readonly log?: Log;
  /** Told how far loading has come, in [0, 1], and of what, in a few words. */
  readonly onProgress?: ((what: string, share: number) => void) | undefined;
}

/**
 * An engine that computes in this process with llama.cpp: it needs nothing installed beside the mesh, but no more
 * than the processor. Loads in its first `models` call.
 */
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
      const begunAt = clock.now();
      this.#model = await this.#loading;
      const { native, contextLength, fingerprint, notation } = this.#model;
      log.info(
        {
          path: modelPath,
          slots: native.context.sequences.length,
          context_length: contextLength,
          fingerprint,
          tool_calls: notation?.name ?? "none",
          duration_ms: Math.round(clock.now() - begunAt),
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

  /** Follows a caller's signal, and aborts when the engine closes. */
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
  { native, notation, tellsLogits, contextLength, fingerprint }: LoadedModel,
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
      tools: notation !== undefined,
      forcedToolChoice: notation !== undefined,
      jsonObject: true,
      jsonSchema: true,
      logprobs: tellsLogits,
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
