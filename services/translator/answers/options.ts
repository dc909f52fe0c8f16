import type { Generate } from "../../../core/generate.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type { OpenRequests } from "../http/open-requests.ts";
import type { SseStreams } from "../http/sse-streams.ts";
import type { FetchImages } from "../images/image-fetcher.ts";
import type { EndOptions } from "./answer-watch.ts";

/** What every route works with that answers by generations. */
export interface GenerationOptions extends EndOptions {
  readonly generate: Generate;
  readonly openRequests: OpenRequests;
  readonly sseStreams: SseStreams;
  /** Fetches images from their addresses; undefined: they are refused. */
  readonly fetchImages?: FetchImages | undefined;
  /** Whether a key that means nothing here is a fault; default false. */
  readonly strictKeys?: boolean | undefined;
  /** Whether the server takes no more work, so that connections end with their answer. */
  readonly isDraining: () => boolean;
  readonly log: Log;
}
