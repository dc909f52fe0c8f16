import { experimental, Metadata, status } from "@grpc/grpc-js";
import { type Clock, systemClock, type Timer } from "../clock.ts";
import { parseHostPort } from "../config/host-port.ts";
import { Names } from "./names.ts";

/** How grpc-js is told to find HOST:PORT by `Names`. */
export const toTarget = (address: string): string => `${scheme}:${address}`;

const scheme = "cxmpute";
/** Between two lookups for one connection, in milliseconds. grpc-js asks after each failure; its own takes 30 s. */
const leastIntervalMs = 500;

/** All connections of this process. */
const names = new Names();

/** Has grpc-js look a name up whenever its connection broke or cannot be made: what moved is found where it is now. */
class NameResolver implements experimental.Resolver {
  readonly #target: experimental.GrpcUri;
  readonly #listener: experimental.ResolverListener;
  readonly #clock: Clock = systemClock;
  #begunAt = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  /** The lookup that is under way; its words count for nothing once another has taken its place. */
  #lookup: object | undefined;

  static getDefaultAuthority({ path }: experimental.GrpcUri): string {
    return path;
  }

  constructor(target: experimental.GrpcUri, listener: experimental.ResolverListener) {
    this.#target = target;
    this.#listener = listener;
  }

  updateResolution(): void {
    if (this.#lookup !== undefined || this.#timer !== undefined) return;
    const waitMs = Math.max(0, this.#begunAt + leastIntervalMs - this.#clock.now());
    // Never in the same turn: grpc-js is not ready for an answer then.
    this.#timer = this.#clock.after(waitMs, () => {
      this.#timer = undefined;
      void this.#resolve();
    });
  }

  destroy(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#lookup = undefined;
  }

  async #resolve(): Promise<void> {
    const lookup = {};
    this.#lookup = lookup;
    this.#begunAt = this.#clock.now();
    const tell = (result: experimental.StatusOr<experimental.Endpoint[]>) => {
      if (this.#lookup === lookup) this.#listener(result, {}, null, "");
    };
    const address = parseHostPort(this.#target.path);
    try {
      if (address === undefined) throw new Error("It is not HOST:PORT.");
      const { host, port } = address;
      await names.find(host, (found) =>
        tell(
          experimental.statusOrFromValue(found.map((address) => ({ addresses: [{ host: address, port }] }))),
        ),
      );
    } catch (error) {
      tell(
        experimental.statusOrFromError({
          code: status.UNAVAILABLE,
          details: `${this.#target.path} cannot be found: ${(error as Error).message}`,
          metadata: new Metadata(),
        }),
      );
    }
    if (this.#lookup === lookup) this.#lookup = undefined;
  }
}

experimental.registerResolver(scheme, NameResolver);
