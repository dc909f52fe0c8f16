import type { Clock } from "../../../../core/clock.ts";
import type { Generation } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ServedModel } from "../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { ServerTraits } from "../../servers/kinds.ts";
import type { ForcedCall } from "../upstream/forced-call.ts";
import type { UsualTimes } from "../upstream/usual-times.ts";
import type { PrefixCaching } from "./prefix-cache.ts";
import type { PartialAnswer } from "./request/partial-answer.ts";
import type { UpstreamClient } from "./upstream/client.ts";

/** A server and what has been learned of it. */
export interface Server {
  readonly client: UpstreamClient;
  readonly traits: ServerTraits;
  /** Optional members that it refuses. */
  readonly refused: Set<string>;
  /** Models that failed to make a required call; a schema forces them from then on. */
  readonly unforced: Set<string>;
  readonly caching: PrefixCaching;
  readonly isAlive: () => Promise<boolean>;
  readonly usualTimes: UsualTimes;
  /** Aborts when the engine closes. */
  readonly lifetime: AbortSignal;
  readonly clock: Clock;
}

/** One generation for a server. */
export interface Job {
  readonly server: Server;
  readonly generation: Generation;
  readonly served: ServedModel;
  /** The part of the answer that another node gave, if any. */
  readonly partial: PartialAnswer | undefined;
  /** The required call, where a schema enforces it. */
  readonly forced: ForcedCall | undefined;
  readonly signal: AbortSignal;
}
