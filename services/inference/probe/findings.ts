import { create } from "@bufbuild/protobuf";
import type { Log } from "../../../core/telemetry/log.ts";
import {
  Capabilities_Resume,
  CapabilitiesSchema,
  type ServedModel,
} from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Finding, Findings, ProbeName } from "./trial.ts";

/** A model with the claims that were shown; undefined when it refuses questions and raw prompts, and embeds nothing. */
export function reduce(served: ServedModel, findings: Findings): ServedModel | undefined {
  if (isUseless(findings)) return undefined;
  const capabilities = { ...(served.capabilities ?? create(CapabilitiesSchema)) };
  for (const { name, localName } of CapabilitiesSchema.fields) {
    if (findings.get(name as ProbeName)?.outcome === "shown") continue;
    Object.assign(capabilities, { [localName]: localName === "resume" ? Capabilities_Resume.NONE : false });
  }
  return { ...served, capabilities };
}

const isUseless = (findings: Findings): boolean =>
  findings.get("answer")?.outcome === "refuted" &&
  (["raw_prompt", "embeddings"] as const).every(
    (name) => (findings.get(name)?.outcome ?? "refuted") === "refuted",
  );

/** Logs in one line what a model was shown to do, what not and why, and what is undecided after a round. */
export function logFindings(log: Log, served: ServedModel, findings: Findings, durationMs: number): void {
  const { model, engine } = served;
  const { shown = [], refuted, undecided } = Object.groupBy(findings, ([, { outcome }]) => outcome);
  const fields = {
    model,
    engine,
    shown: shown.map(([name]) => name),
    refuted: refuted && toReasons(refuted),
    undecided: undecided && toReasons(undecided),
    duration_ms: Math.round(durationMs),
  };
  if (reduce(served, findings) === undefined)
    log.warn(
      fields,
      `\`${model}\` is not offered to the mesh: it refuses plain questions and raw prompts, and embeds no text. Try it with the engine's own client, or leave it out with --only`,
    );
  else if (fields.undecided === undefined) log.info(fields, `\`${model}\` was probed`);
  else log.info(fields, `\`${model}\` was probed in part; the rest is tried again later`);
}

const toReasons = (found: readonly (readonly [ProbeName, Finding])[]): Record<string, string> =>
  Object.fromEntries(
    found.map(([name, finding]) => [name, finding.outcome === "shown" ? "" : finding.reason]),
  );
