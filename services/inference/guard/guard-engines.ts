import type { Clock } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../core/generate.ts";
import type { LoadSource } from "../../../core/relay/contract.ts";
import type { ServedModel } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Engine } from "../engine.ts";
import { type AnswerRecord, GuardedAnswer } from "./guarded-answer.ts";
import { ModelTable, type Refreshed } from "./model-table.ts";

/** Generations that may wait for a slot of one model. */
const defaultQueueLimit = 128;

interface GuardOptions {
  readonly nodeId: string;
  /** In order of preference. */
  readonly engines: readonly Engine[];
  readonly clock: Clock;
  /** Generations that may wait for a slot of one model. */
  readonly queueLimit?: number | undefined;
  /** Called when a generation that was read has ended. */
  readonly onEnd?: (record: AnswerRecord) => void;
}

/** Counters since the node was created. */
export interface Tally {
  /** Generations that finished. */
  readonly answers: number;
  /** Generations that failed by a fault of the node. */
  readonly failures: number;
  /** Tokens of all answers, including those under way. */
  readonly tokens: number;
}

/** Engines behind one `generate` that keeps the promises of `core/generate.ts`, whatever the engines do. */
export interface GuardedEngines {
  readonly generate: Generate;
  readonly load: LoadSource;
  /** As last reported by the engines. */
  readonly models: readonly ServedModel[];
  /** Generations running or waiting. */
  readonly open: number;
  readonly tally: Tally;
  refresh(signal: AbortSignal): Promise<Refreshed>;
  /** Admits nothing from now on; resolves when nothing is open any more. */
  drain(): Promise<void>;
  /** Fails what is open with `reason`, then closes the engines. */
  close(reason: MeshError): Promise<void>;
}

/** Guards engines, so that they may be as naive as `docs/engine-contract.md` says. */
export function guardEngines(options: GuardOptions): GuardedEngines {
  const { nodeId, engines, clock } = options;
  const table = new ModelTable(engines, clock, options.queueLimit ?? defaultQueueLimit);
  const open = new Set<GuardedAnswer>();
  const idle = new Set<() => void>();
  const ended = { answers: 0, failures: 0, tokens: 0 };

  const common = {
    nodeId,
    clock,
    admit: table.admit.bind(table),
    onStart: (answer: GuardedAnswer) => void open.add(answer),
    onEnd: (answer: GuardedAnswer, record: AnswerRecord) => {
      open.delete(answer);
      ended.tokens += tokensOf(answer, record);
      if (!(record.outcome instanceof MeshError)) ended.answers++;
      else if (record.outcome.row.http >= 500) ended.failures++;
      options.onEnd?.(record);
      if (open.size === 0) for (const resolve of idle) resolve();
    },
  };

  return {
    generate: (generation, signal) => new GuardedAnswer({ ...common, generation, signal }),
    load: table,
    get models() {
      return table.models;
    },
    get open() {
      return open.size;
    },
    get tally() {
      let { tokens } = ended;
      for (const answer of open) tokens += answer.tokensSoFar;
      return { ...ended, tokens };
    },
    refresh: (signal) => table.refresh(signal),
    async drain() {
      table.drain();
      if (open.size > 0) await new Promise<void>((resolve) => idle.add(resolve));
    },
    async close(reason) {
      table.drain();
      for (const answer of [...open]) answer.fail(reason);
      await Promise.all(engines.map((engine) => engine.close()));
    },
  };
}

/** Tokens from this node; without ids the engine's own count is better than ours. */
function tokensOf(answer: GuardedAnswer, { givenTokens, usage, generation }: AnswerRecord): number {
  if (givenTokens > 0 || usage === undefined || usage.completionTokens === 0) return answer.tokensSoFar;
  return Math.max(0, usage.completionTokens - (generation.resume?.tokenIds.length ?? 0));
}
