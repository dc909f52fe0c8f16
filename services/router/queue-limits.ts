/** How long and how many generations may wait. */
export interface QueueLimits {
  /** Generations of one caller that may wait. */
  readonly callerQueueLimit: number;
  /** Generations that may wait altogether. */
  readonly queueLimit: number;
  /** How long one may wait for a slot, in milliseconds. */
  readonly queueTimeoutMs: number;
  /** How long one may wait for a node that is known but not connected, in milliseconds. */
  readonly connectTimeoutMs: number;
}

/** The limits, unless somebody says otherwise. */
export const defaultQueueLimits: QueueLimits = {
  callerQueueLimit: 64,
  queueLimit: 1024,
  queueTimeoutMs: 30_000,
  connectTimeoutMs: 1000,
};
