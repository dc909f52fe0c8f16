import type { KeptIdentity } from "../../inference/index.ts";
import type { Security } from "../security.ts";

/** What one look at one thing brought. */
export interface Finding {
  /** What was looked at, in a word or two. */
  readonly name: string;
  /** A fault keeps this machine from serving; a warning makes it serve badly. */
  readonly status: "ok" | "warning" | "fault";
  /** What was seen. */
  readonly says: string;
  /** What to do about it; present for warnings and faults. */
  readonly cure?: string;
}

/** What is looked at. */
export interface Subject {
  readonly dataFolder: string;
  /** HOST:PORT. */
  readonly registry: string;
  /** HOST:PORT each. */
  readonly routers: readonly string[];
  /** How this machine talks to the mesh. */
  readonly security: Security;
  /** Who this machine is in the mesh; undefined where it is nobody yet, and the reason where that cannot be read. */
  readonly identity: KeptIdentity | undefined | { readonly fault: string };
  /** A server of the provider's choice. */
  readonly url: string | undefined;
  readonly engineKey: string | undefined;
  /** A folder with GGUF files. */
  readonly models: string | undefined;
}

/** Looks at one thing. Never rejects for what it finds; rejects when the signal aborts. */
export type Check = (subject: Subject, signal: AbortSignal) => Promise<readonly Finding[]>;

export const ok = (name: string, says: string): Finding => ({ name, status: "ok", says });
export const warning = (name: string, says: string, cure: string): Finding => ({
  name,
  status: "warning",
  says,
  cure,
});
export const fault = (name: string, says: string, cure: string): Finding => ({
  name,
  status: "fault",
  says,
  cure,
});
