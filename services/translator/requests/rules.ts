/** How the operator wants requests to be read. */
export interface RequestRules {
  /** Whether images may be named by their address, from which they are fetched. */
  readonly fetchImages: boolean;
  /** Whether a key that means nothing here is a fault; otherwise it is ignored, as open servers do. */
  readonly strictKeys: boolean;
}

/** What holds unless the operator says otherwise. */
export const defaultRules: RequestRules = { fetchImages: false, strictKeys: false };
