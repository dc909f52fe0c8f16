import type { Socket } from "node:net";

/** How many connections a server has at a time. */
export interface ConnectionLimits {
  readonly total: number;
  /** Of those that are not held; default: `total`. */
  readonly loose?: number;
  /** Of those from one address; default: `loose`. */
  readonly loosePerAddress?: number;
}

/** Names an open connection, on whatever layer it is seen: `address:port` of the other end. */
export const peerNameOf = ({
  remoteAddress,
  remotePort,
}: Pick<Socket, "remoteAddress" | "remotePort">): string => `${remoteAddress}:${remotePort}`;

/**
 * Bounds the connections of a server. At a limit, the oldest that is not held makes room for the new one: those that
 * have business here get it done in a moment, and those that only occupy room lose it. With every connection held, the
 * new one is closed.
 */
export class ConnectionLimit {
  readonly #limits: Required<ConnectionLimits>;
  readonly #open = new Map<string, Socket>();
  /** Addresses of the connections that can make room, the oldest first. */
  readonly #loose = new Map<string, string>();
  readonly #loosePerAddress = new Map<string, number>();

  constructor({ total, loose = total, loosePerAddress = loose }: ConnectionLimits) {
    this.#limits = { total, loose, loosePerAddress };
  }

  /** The names of connections that are not held, the oldest first. */
  get loose(): Iterable<string> {
    return this.#loose.keys();
  }

  /** Takes a connection in; false when it was closed instead. */
  admit(socket: Socket): boolean {
    const { total, loose, loosePerAddress } = this.#limits;
    const name = peerNameOf(socket);
    const address = socket.remoteAddress ?? "";
    if ((this.#loosePerAddress.get(address) ?? 0) >= loosePerAddress) this.#evictOldest(address);
    if (this.#open.size >= total || this.#loose.size >= loose) this.#evictOldest();
    if (this.#open.size >= total) {
      socket.destroy();
      return false;
    }
    this.#open.set(name, socket);
    this.#loosen(name, address);
    socket.once("close", () => this.#forget(name, socket));
    return true;
  }

  /** Keeps a connection from having to make room. */
  hold(name: string): void {
    const address = this.#loose.get(name);
    if (address === undefined) return;
    this.#loose.delete(name);
    const left = this.#loosePerAddress.get(address)! - 1;
    if (left === 0) this.#loosePerAddress.delete(address);
    else this.#loosePerAddress.set(address, left);
  }

  /** Ends that. The connection counts as new. */
  release(name: string): void {
    const socket = this.#open.get(name);
    if (socket !== undefined) this.#loosen(name, socket.remoteAddress ?? "");
  }

  /** Closes a connection, or every one. */
  destroy(name?: string): void {
    if (name === undefined) for (const socket of this.#open.values()) socket.destroy();
    else this.#open.get(name)?.destroy();
  }

  #evictOldest(address?: string): void {
    for (const [name, from] of this.#loose) {
      if (address !== undefined && address !== from) continue;
      const socket = this.#open.get(name)!;
      this.#forget(name, socket);
      socket.destroy();
      return;
    }
  }

  #forget(name: string, socket: Socket): void {
    // The name may be that of a later connection already.
    if (this.#open.get(name) !== socket) return;
    this.hold(name);
    this.#open.delete(name);
  }

  #loosen(name: string, address: string): void {
    if (this.#loose.has(name)) return;
    this.#loose.set(name, address);
    this.#loosePerAddress.set(address, (this.#loosePerAddress.get(address) ?? 0) + 1);
  }
}
