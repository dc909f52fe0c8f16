import { timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Admission, JoinToken, Renewal, Verdict } from "./store.ts";

const hash = z.string().regex(/^[0-9a-f]{64}$/);

/** The saved form. */
export const ledgerSchema = z.strictObject({
  version: z.literal(1),
  tokens: z.array(
    z.strictObject({
      hash,
      uses: z.int().min(1),
      left: z.int().min(0),
      expiresAt: z.number(),
    }),
  ),
  nodes: z.record(
    z.string(),
    z.strictObject({ keyHash: hash, tokenHash: hash.optional(), until: z.number() }),
  ),
  revoked: z.array(z.string()),
});
export type LedgerState = z.output<typeof ledgerSchema>;

type KeptToken = LedgerState["tokens"][number];

/** The most tokens at a time. */
const tokenLimit = 1000;
/** How long an expired token is remembered, so that it is reported as expired and not as unknown. */
const tokenMemoryMs = 24 * 3600 * 1000;

/** Tokens, nodes and revocations in memory: the rules of an `IdentityStore`, in synchronous steps. */
export class Ledger {
  readonly #tokens: KeptToken[];
  readonly #nodes: Map<string, LedgerState["nodes"][string]>;
  readonly #revoked: Set<string>;

  constructor(state?: LedgerState) {
    this.#tokens = state?.tokens.map((token) => ({ ...token })) ?? [];
    this.#nodes = new Map(Object.entries(state?.nodes ?? {}));
    this.#revoked = new Set(state?.revoked);
  }

  get state(): LedgerState {
    return {
      version: 1,
      tokens: this.#tokens,
      nodes: Object.fromEntries(this.#nodes),
      revoked: this.revoked,
    };
  }

  get revoked(): string[] {
    return [...this.#revoked];
  }

  isRevoked(nodeId: string): boolean {
    return this.#revoked.has(nodeId);
  }

  addToken(token: JoinToken, now: number): void {
    this.#forget(now);
    if (this.#tokens.length >= tokenLimit)
      throw new MeshError(
        "saturated",
        `There are ${tokenLimit} join tokens already: wait until some are deleted, a day after they expire.`,
      );
    this.#tokens.push({ ...token, left: token.uses });
  }

  admit({ tokenHash, nodeId, keyHash, now, until }: Admission): Verdict {
    this.#forget(now);
    const token = this.#find(tokenHash);
    if (token === undefined) return { is: "unknown_token" };
    if (now >= token.expiresAt) return { is: "token_expired", at: token.expiresAt };
    if (this.#revoked.has(nodeId)) return { is: "name_revoked" };
    const owner = this.#nodes.get(nodeId);
    const isRepeated = owner?.keyHash === keyHash && owner.tokenHash === tokenHash;
    if (!isRepeated) {
      if (token.left === 0) return { is: "token_used", uses: token.uses };
      if (owner !== undefined) return { is: "name_taken" };
      token.left -= 1;
    }
    this.#nodes.set(nodeId, { keyHash, tokenHash, until });
    return { is: "admitted" };
  }

  renew({ nodeId, keyHash, now, until }: Renewal): boolean {
    this.#forget(now);
    const owner = this.#nodes.get(nodeId);
    if (this.#revoked.has(nodeId) || (owner !== undefined && owner.keyHash !== keyHash)) return false;
    this.#nodes.set(nodeId, { ...owner, keyHash, until });
    return true;
  }

  revoke(nodeId: string): void {
    this.#revoked.add(nodeId);
    this.#nodes.delete(nodeId);
  }

  /** Takes the same time for every token. */
  #find(tokenHash: string): KeptToken | undefined {
    const wanted = Buffer.from(tokenHash, "hex");
    let found: KeptToken | undefined;
    for (const token of this.#tokens)
      if (timingSafeEqual(Buffer.from(token.hash, "hex"), wanted)) found = token;
    return found;
  }

  /** Forgets tokens that expired long ago, and names of nodes whose identity has expired. */
  #forget(now: number): void {
    const living = this.#tokens.filter(({ expiresAt }) => now < expiresAt + tokenMemoryMs);
    this.#tokens.splice(0, this.#tokens.length, ...living);
    for (const [id, { until }] of this.#nodes) if (now >= until) this.#nodes.delete(id);
  }
}
