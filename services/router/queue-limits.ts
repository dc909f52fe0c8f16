/** How many generations may wait, and for how long. */
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

/** The defaults. */
export const defaultQueueLimits: QueueLimits = {
  callerQueueLimit: 64,
  queueLimit: 1024,
  queueTimeoutMs: 30_000,
  connectTimeoutMs: 1000,
};
