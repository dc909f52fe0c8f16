import { shownIf } from "../finding.ts";
import type { Probe } from "../probe.ts";
import { says } from "../trial.ts";

/** A plain question gets an answer. Also the measure of all others: what fails while this works is at fault itself. */
export const answer: Probe = {
  name: "answer",
  isClaimed: () => true,
  async attempt(trial) {
    const { text, reasoning, toolCalls } = await trial.peek({ messages: says("Say hello.") }, 8);
    return shownIf(
      text.trim() !== "" || reasoning !== "" || toolCalls.length > 0,
      "a plain question got an empty answer",
    );
  },
};
