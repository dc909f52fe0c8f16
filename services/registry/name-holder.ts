import { MeshError } from "../../core/errors/mesh-error.ts";
import { toUtc } from "../../core/identity/certificate.ts";

/** The process that holds a node's name, or asks for it. Fields are empty where they are unknown. */
export interface Holder {
  /** Random for each start of the program; empty for programs that do not send one. */
  readonly instance: string;
  /** An instance that has ended, as the new process knows from the data folder that it took over. */
  readonly replaces: string;
  /** The name of its machine. */
  readonly host: string;
  /** Where its connection comes from. */
  readonly address: string;
}

/** A holder of which nothing is known. */
export const unknownHolder: Holder = { instance: "", replaces: "", host: "", address: "" };

/** The state of a name that is held. */
export interface HeldName {
  readonly holder: Holder;
  /** When the holder got the name, in milliseconds since 1970. */
  readonly since: number;
  /** Whether it takes no new generations because it is about to end. */
  readonly draining: boolean;
  /** When it last gave a sign of life, on the clock. */
  readonly renewedAt: number;
  /** Another process that asks for the name, and when it first did, on the clock. */
  readonly contender: { readonly instance: string; readonly since: number } | undefined;
}

/** What becomes of a process that asks for a name: it gets it, asks again soon, or has to stay away. */
export type Verdict = "granted" | "asks again" | "refused";

/**
 * A living holder keeps its name: a holder lives while it renews, and one that misses renewals for half its lease is
 * gone. A successor in the same data folder need not wait, nor one of a holder that drains. Programs that send no instance cannot be distinguished, so
 * the latest of them has the name.
 */
export function judge(held: HeldName, claim: Holder, now: number, ttlMs: number): Verdict {
  const { holder, draining, renewedAt, contender } = held;
  if (claim.instance === holder.instance) return "granted";
  if (claim.replaces !== "" && claim.replaces === holder.instance) return "granted";
  if (draining || now - renewedAt >= ttlMs / 2) return "granted";
  const hasRenewed = contender?.instance === claim.instance && renewedAt > contender.since;
  return hasRenewed ? "refused" : "asks again";
}

/** `code` of the error for a name that another process holds. */
export const nameInUseCode = "name_in_use";

/** When to ask again, in milliseconds. */
const askAgainMs = 1000;

/** The error for a process that does not get a name. */
export function nameInUse(
  nodeId: string,
  { holder, since }: HeldName,
  verdict: Exclude<Verdict, "granted">,
  ttlMs: number,
): MeshError {
  const where = [
    ...(holder.host === "" ? [] : [`on host ${holder.host}`]),
    ...(holder.address === "" ? [] : [`at ${holder.address}`]),
  ].join(" ");
  const who = `another process is registered as node ${nodeId} since ${toUtc(new Date(since))}${where === "" ? "" : `, ${where}`}`;
  if (verdict === "asks again")
    return new MeshError(
      "saturated",
      `The name is in use: ${who}. If that process is gone, the name is free within ${Math.ceil(ttlMs / 2000)} s.`,
      { code: nameInUseCode, param: "node.id", retryAfterMs: askAgainMs },
    );
  return new MeshError(
    "invalid_request",
    `The name is in use: ${who}, and it is running. Stop it first, or join under another name: with --node-id in a mesh without TLS, else with a join token and a data folder of its own. If this data folder is a copy of another node's, remove its folder \`identity\`.`,
    { code: nameInUseCode, param: "node.id" },
  );
}
