import type { Generate } from "../../core/generate.ts";
import type { ServedModel } from "../../gen/cxmpute/registry/v1/registry_pb.ts";

/**
 * What computes tokens, inside a node or beside it; `docs/engine-contract.md` says what an engine may assume and must
 * do. Creating one has no side effects: it loads in its first `models` call. Nodes call it through `GuardedEngines`.
 */
export interface Engine {
  /**
   * What it can serve now; called before anything else, and again when that may have changed. Names are unique within
   * the engine and its own (`naming/` adds the catalogue's). An engine for foreign servers claims all that it could
   * carry; probes remove what is missing (`probe/`). Throws `MeshError` when it can serve nothing, saying what to do.
   */
  models(signal: AbortSignal): Promise<ServedModel[]>;
  /**
   * Whether a model, by its name in `models`, was in memory at the last `models` call; absent: all are. Probes skip the
   * others, so that a machine with thirty models does not load them one by one.
   */
  isLoaded?(model: string): boolean;
  /** Answers one generation. */
  readonly generate: Generate;
  /** Ends everything and releases all resources; safe to repeat, and when nothing was loaded. */
  close(): Promise<void>;
}
