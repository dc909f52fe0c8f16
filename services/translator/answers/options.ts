import type { Generate } from "../../../core/generate.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type { OpenRequests } from "../http/open-requests.ts";
import type { SseStreams } from "../http/sse-streams.ts";
import type { FetchImages } from "../images/image-fetcher.ts";
import type { EndOptions } from "./answer-watch.ts";

/** What every route that generates answers works with. */
export interface GenerationOptions extends EndOptions {
  readonly generate: Generate;
  readonly openRequests: OpenRequests;
  readonly sseStreams: SseStreams;
  /** Fetches images by URL; undefined: they are rejected. */
  readonly fetchImages?: FetchImages | undefined;
  /** Whether unknown parameters are rejected; default false. */
  readonly strictKeys?: boolean | undefined;
  /** Whether the server is draining, so that connections close after their answer. */
  readonly isDraining: () => boolean;
  readonly log: Log;
}
