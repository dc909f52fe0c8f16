import { RouterService } from "../../../gen/cxmpute/router/v1/router_pb.ts";
import { ask } from "./ask.ts";
import { type Check, type Finding, ok, warning } from "./check.ts";
import { isServing } from "./health.ts";
import { reach } from "./reach.ts";

/** The routers: whether each can be reached, for a node that is not advertised dials all of them. */
export const checkRouters: Check = async ({ routers, security }, signal) =>
  Promise.all(
    routers.map(async (router): Promise<Finding> => {
      const away = await reach("Router", router, "--router", signal);
      if (away !== undefined) return away;
      const answer = await ask("router", router, security, signal, (transport, limited) =>
        isServing(transport, RouterService.typeName, limited),
      );
      if ("finding" in answer) return answer.finding;
      return answer.value
        ? ok("Router", `${router} answers and takes requests`)
        : warning(
            "Router",
            `${router} is shutting down`,
            "Nothing, if it is only restarting; else ask the operator.",
          );
    }),
  );
