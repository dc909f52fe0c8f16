import { z } from "zod";
import { longestTimerMs } from "../../../core/clock.ts";
import { defaultQueueLimits } from "../../router/queue-limits.ts";
import { setting } from "./parts.ts";

/** The limits of a router, alone or in `up`. */
export const admission = {
  queueLimit: setting({
    schema: z.int().min(0),
    default: defaultQueueLimits.queueLimit,
    placeholder: "N",
    help: "How many generations may wait for a node; more get 503.",
  }),
  callerQueueLimit: setting({
    schema: z.int().min(0),
    default: defaultQueueLimits.callerQueueLimit,
    placeholder: "N",
    help: "How many of them one caller may have; more get 429.",
  }),
  queueTimeoutMs: setting({
    schema: z.int().min(0).max(3_600_000),
    default: defaultQueueLimits.queueTimeoutMs,
    placeholder: "N",
    help: "How long a generation may wait for a node, in milliseconds.",
  }),
  answerTimeoutMs: setting({
    schema: z.int().min(1).max(longestTimerMs).optional(),
    placeholder: "N",
    help: "The time limit for a whole answer, in milliseconds; a longer one fails with 504. Default: no limit.",
  }),
};

/** The values of these settings. */
export interface AdmissionValues {
  readonly queueLimit: number;
  readonly callerQueueLimit: number;
  readonly queueTimeoutMs: number;
  readonly answerTimeoutMs: number | undefined;
}

/** The values as options of a router. */
export const toRouterLimits = ({
  queueLimit,
  callerQueueLimit,
  queueTimeoutMs,
  answerTimeoutMs,
}: AdmissionValues) => ({
  queueLimit,
  callerQueueLimit,
  queueTimeoutMs,
  ...(answerTimeoutMs === undefined ? {} : { answerTimeoutMs }),
});
