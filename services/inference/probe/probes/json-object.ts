import { FinishReason } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { shownIf } from "../finding.ts";
import type { Probe } from "../probe.ts";
import { says } from "../trial.ts";
import { isObject, readJson } from "./json.ts";

/**
 * A question that asks for a bare word is answered with an object all the same. It has to hold the word JSON, for
 * some servers refuse the mode otherwise.
 */
export const jsonObject: Probe = {
  name: "json_object",
  isClaimed: ({ capabilities }) => capabilities?.jsonObject === true,
  async attempt(trial) {
    const { text, reason } = await trial.ask(
      {
        messages: says("Name a fruit. Answer with one plain word, not with JSON."),
        outputFormat: { format: { case: "jsonObject", value: {} } },
      },
      64,
    );
    const begun = reason === FinishReason.LENGTH && text.trimStart().startsWith("{");
    return shownIf(begun || isObject(readJson(text)), "an answer in JSON mode was no JSON object");
  },
};
