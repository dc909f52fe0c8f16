import { toDocument } from "../../../services/translator/openapi/document.ts";
import { createValidate } from "../../support/translator/openapi.ts";

const document = toDocument();
const validate = createValidate(document);

/** What is asked: the routes of the document, each with the paths that it answers to. */
const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => ({
    method,
    path,
    pattern: new RegExp(`^(/api)?/v1${path.replace(/\{model\}/, ".+").replace(/\{\w+\}/g, "[^/]+")}$`),
  })),
);

/**
 * What `/openapi.json` does not say of an answer although the answer has it, or the other way round. Nothing when it
 * is as described, or when it is to a request that is not.
 */
export function findUndescribed(method: string, target: string, status: number, body: string): string[] {
  const [asked = ""] = target.split("?");
  const route = routes.find((each) => each.method === method.toLowerCase() && each.pattern.test(asked));
  if (route === undefined) return [];
  const where = { method: route.method, path: route.path, status };
  const events = [...body.matchAll(/^data: (\{.*)$/gm)].map(([, data]) => JSON.parse(data!) as unknown);
  if (events.length === 0) return validate(where, JSON.parse(body));
  return events.flatMap((event) => validate({ ...where, type: "text/event-stream" }, event));
}
