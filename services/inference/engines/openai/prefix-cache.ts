import type { Generation } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ServerTraits } from "../../servers/kinds.ts";
import type { JsonObject } from "./request/json.ts";

/** The member of a body that takes the salt, in vLLM. */
const saltMember = "cache_salt";

/**
 * Keeps callers' prompts apart in a server's prefix cache. A server that takes no salt may use its cache while all
 * generations have the same one; from then on, it would compare the prompts of several callers.
 */
export class PrefixCaching {
  readonly #refused: ReadonlySet<string>;
  #first: string | undefined;
  #isMixed = false;

  /** `refused`: members that the server does not take. */
  constructor(refused: ReadonlySet<string>) {
    this.#refused = refused;
  }

  /** Notes a generation; what its body says of the cache. Probes, which nobody sends, do not count. */
  toMembers({ salting, uncached }: ServerTraits, { caller }: Generation): JsonObject {
    if (caller === undefined) return {};
    const { cacheSalt } = caller;
    this.#first ??= cacheSalt;
    this.#isMixed ||= cacheSalt !== this.#first;
    if (salting === "member") return cacheSalt === "" ? {} : { [saltMember]: cacheSalt };
    return salting === undefined && this.#isMixed ? uncached : {};
  }

  /** Whether the tokens that the server reports as cached can only be of prompts with the generation's own salt. */
  mayReport({ salting }: ServerTraits, { caller }: Generation): boolean {
    const isApart = salting !== undefined && !this.#refused.has(saltMember);
    return isApart || (!this.#isMixed && (caller?.cacheSalt ?? "") === "");
  }
}
