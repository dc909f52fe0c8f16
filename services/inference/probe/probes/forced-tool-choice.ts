import { FinishReason, ToolChoice_Mode } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { refuted, shown } from "../finding.ts";
import type { Probe } from "../probe.ts";
import { says } from "../trial.ts";
import { callsOnly, callTokens, tools } from "./weather-tool.ts";

/** Talk that suggests no function is answered with a call: of the named one, and of any when any will do. */
export const forcedToolChoice: Probe = {
  name: "forced_tool_choice",
  isClaimed: ({ capabilities }) => capabilities?.forcedToolChoice === true,
  async attempt(trial) {
    for (const [allowedNames, callable] of [
      [["get_weather"], ["get_weather"]],
      [[], ["get_weather", "get_time"]],
    ] as const) {
      const answer = await trial.ask(
        {
          messages: says("Say hello."),
          tools,
          toolChoice: { mode: ToolChoice_Mode.REQUIRED, allowedNames: [...allowedNames] },
          parallelToolCalls: false,
        },
        callTokens,
      );
      const what = allowedNames.length > 0 ? "a function that was named" : "a function that had to be called";
      if (!callsOnly(answer, ...callable)) return refuted(`${what} was not called as it is declared`);
      if (answer.reason !== FinishReason.TOOL_CALLS)
        return refuted(`${what} was called, but the answer did not end for that reason`);
    }
    return shown;
  },
};
