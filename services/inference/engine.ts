import type { Generate } from "../../core/generate.ts";
import type { ServedModel } from "../../gen/cxmpute/registry/v1/registry_pb.ts";

/** What computes tokens, as `docs/engine-contract.md` says; no side effects before the first `models`. */
export interface Engine {
  /**
   * What it can serve now, under unique names; called first, and when that may have changed. An engine for
   * foreign servers claims all it could carry; probes remove the rest. Throws `MeshError`.
   */
  models(signal: AbortSignal): Promise<ServedModel[]>;
  /** Whether a model was in memory at the last `models` call; absent: all are. Probes skip the others. */
  isLoaded?(model: string): boolean;
  /** Answers one generation. */
  readonly generate: Generate;
  /** Ends everything and releases all resources; safe to repeat, and when nothing was loaded. */
  close(): Promise<void>;
}
