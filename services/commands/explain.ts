import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import type { Values } from "../../core/config/settings.ts";
import { exitCodes, UserFault } from "../../core/lifecycle/user-fault.ts";
import { printable, toTable } from "../../core/terminal.ts";
import { GenerationSchema } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type NodeVerdict, RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import { callOnce } from "./grpc-call.ts";
import { listAbilities, toAbilities } from "./nodes/abilities.ts";
import { toGenerationInit } from "./nodes/needs.ts";
import type { explainSettings } from "./settings/clients.ts";

/** Shows where a router would send a generation for a model now, and why. Nothing is generated. */
export async function explain(
  values: Values<typeof explainSettings>,
  [model, ...others]: readonly string[],
): Promise<number> {
  if (model === undefined || others.length > 0)
    throw new UserFault("name a model: cxmpute explain MODEL", { exitCode: exitCodes.usage });
  const generation = create(GenerationSchema, { id: "explain", model, ...toGenerationInit(values.needs) });
  const verdicts = await callOnce(
    "router",
    values.router,
    async (transport, signal) =>
      (await createClient(RouterService, transport).explainRoute({ generation }, { signal })).verdicts,
    values,
  );
  const rows = verdicts.map((verdict, index) => toRow(verdict, model, index));
  process.stdout.write(values.json ? `${JSON.stringify(rows, null, 2)}\n` : toText(rows, model));
  return exitCodes.ok;
}

/** One node, as in `--json`. */
type Row = ReturnType<typeof toRow>;

function toRow(verdict: NodeVerdict, model: string, index: number) {
  const { node, rejectedBy, reason, scores, total, load, missing, tokensPerSecond } = verdict;
  const served = node?.models.find((one) => one.model === model);
  return {
    node: node?.id ?? "",
    /** The rank, from 1; null for a node that is rejected. */
    choice: rejectedBy === "" ? index + 1 : null,
    rejected_by: rejectedBy,
    reason,
    missing,
    capabilities: served === undefined ? null : toAbilities(served.capabilities),
    context_length: served?.contextLength ?? null,
    running: load?.running ?? null,
    waiting: load?.waiting ?? null,
    slots: load?.slots ?? null,
    tokens_per_second: tokensPerSecond === undefined ? null : Number(tokensPerSecond.toPrecision(3)),
    score: rejectedBy === "" ? Number(total.toFixed(3)) : null,
    scores: Object.fromEntries(scores.map(({ scorer, value }) => [scorer, Number(value.toFixed(3))])),
  };
}

function toText(rows: readonly Row[], model: string): string {
  if (rows.length === 0) return "The router knows no node. Join one with `cxmpute join`.\n";
  const table = toTable(
    [
      "CHOICE",
      "NODE",
      "SCORE",
      "RUNNING",
      "WAITING",
      "SLOTS",
      "CONTEXT",
      "TOKENS/S",
      "WHY NOT",
      "CAPABILITIES",
    ],
    rows.map((row) =>
      [
        row.choice,
        row.node,
        row.score,
        row.running,
        row.waiting,
        row.slots,
        row.context_length,
        row.tokens_per_second,
        whyNot(row),
        row.capabilities === null ? null : listAbilities(row.capabilities),
      ].map((cell) => printable(String(cell ?? "-"))),
    ),
  );
  if (rows.some(({ choice }) => choice !== null)) return table;
  return `${table}\nNo node can take such a generation for ${printable(model)} now.\n`;
}

/** The router's reason, and missing capabilities unless they are the reason. */
function whyNot({ rejected_by, reason, missing }: Row): string | undefined {
  if (rejected_by === "") return undefined;
  if (rejected_by === "capabilities" || missing.length === 0) return reason;
  return `${reason} It cannot ${missing.join(" and ")} either.`;
}
