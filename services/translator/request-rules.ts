import type { FetchImages } from "./images/image-fetcher.ts";

/** How the operator wants requests to be read. */
export interface RequestRules {
  /** Whether pictures may be named by their address, from which they are fetched. */
  readonly fetchImages: boolean;
  /** Whether a key that means nothing here is a fault; otherwise it is ignored, as open servers do. */
  readonly strictKeys: boolean;
}

/** What reads requests, as the operator wants it. */
export interface RequestReading {
  /** Fetches pictures from their addresses; undefined: they are refused. */
  readonly fetchImages?: FetchImages;
  /** As in `RequestRules`; default false. */
  readonly strictKeys?: boolean;
}

/** The rules of a surface. */
export const toRules = ({ fetchImages, strictKeys = false }: RequestReading): RequestRules => ({
  fetchImages: fetchImages !== undefined,
  strictKeys,
});

/** What holds unless the operator says otherwise. */
export const defaultRules: RequestRules = { fetchImages: false, strictKeys: false };
