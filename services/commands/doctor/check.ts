import type { KeptIdentity } from "../../inference/index.ts";
import type { Security } from "../security.ts";

/** One result of a check. */
export interface Finding {
  readonly name: string;
  /** A fault keeps this machine from serving; a warning makes it serve badly. */
  readonly status: "ok" | "warning" | "fault";
  readonly says: string;
  /** What to do; present for warnings and faults. */
  readonly cure?: string;
}

/** What checks look at. */
export interface Subject {
  readonly dataFolder: string;
  readonly registry: string;
  readonly routers: readonly string[];
  readonly security: Security;
  /** This machine's identity in the mesh; undefined without one, or why it cannot be read. */
  readonly identity: KeptIdentity | undefined | { readonly fault: string };
  /** A server of the provider's choice. */
  readonly url: string | undefined;
  readonly engineKey: string | undefined;
  readonly models: string | undefined;
}

/** Checks one thing. Rejects only when the signal aborts. */
export type Check = (subject: Subject, signal: AbortSignal) => Promise<readonly Finding[]>;

type Cured = (name: string, says: string, cure: string) => Finding;

export const ok = (name: string, says: string): Finding => ({ name, status: "ok", says });
export const warning: Cured = (name, says, cure) => ({ name, status: "warning", says, cure });
export const fault: Cured = (name, says, cure) => ({ name, status: "fault", says, cure });
