import { experimental, Metadata, status } from "@grpc/grpc-js";
import { type Clock, systemClock, type Timer } from "../clock.ts";
import { parseHostPort } from "../config/host-port.ts";
import { Names } from "./names.ts";

/** The target with which grpc-js resolves HOST:PORT by `Names`. */
export const toTarget = (address: string): string => `${scheme}:${address}`;

const scheme = "cxmpute";
/** The least time between lookups for one connection, in milliseconds; grpc-js's own resolver waits 30 s. */
const leastIntervalMs = 500;

const names = new Names();

/** Resolves a name whenever its connection breaks or cannot be made, so that a host that has moved is found. */
class NameResolver implements experimental.Resolver {
  readonly #target: experimental.GrpcUri;
  readonly #listener: experimental.ResolverListener;
  readonly #clock: Clock = systemClock;
  #startedAt = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  /** The current lookup; the result of one that was replaced is ignored. */
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
    const waitMs = Math.max(0, this.#startedAt + leastIntervalMs - this.#clock.now());
    // Never in the same turn: grpc-js is not ready for a result then.
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
    this.#startedAt = this.#clock.now();
    const report = (result: experimental.StatusOr<experimental.Endpoint[]>) => {
      if (this.#lookup === lookup) this.#listener(result, {}, null, "");
    };
    const address = parseHostPort(this.#target.path);
    try {
      if (address === undefined) throw new Error("It is not HOST:PORT.");
      const { host, port } = address;
      await names.find(host, (found) =>
        report(
          experimental.statusOrFromValue(found.map((address) => ({ addresses: [{ host: address, port }] }))),
        ),
      );
    } catch (error) {
      report(
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
