import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { ConnectionLimit, peerNameOf } from "./connection-limit.ts";

/** A connection that only counts. */
function connection(remoteAddress: string, remotePort: number): Socket & { readonly isOpen: boolean } {
  const socket = new EventEmitter() as EventEmitter & { isOpen: boolean };
  const destroy = () => {
    socket.isOpen = false;
    socket.emit("close");
  };
  return Object.assign(socket, { remoteAddress, remotePort, isOpen: true, destroy }) as never;
}

const open = (sockets: readonly { readonly isOpen: boolean; readonly remotePort?: number | undefined }[]) =>
  sockets.filter(({ isOpen }) => isOpen).map(({ remotePort }) => remotePort);

describe("at its limit", () => {
  test("the oldest connection makes room", () => {
    const limit = new ConnectionLimit({ total: 3 });
    const sockets = [1, 2, 3, 4, 5].map((port) => connection("10.0.0.1", port));
    expect(sockets.map((socket) => limit.admit(socket))).toEqual([true, true, true, true, true]);
    expect(open(sockets)).toEqual([3, 4, 5]);
  });

  test("a held connection stays, and the new one is closed when all are held", () => {
    const limit = new ConnectionLimit({ total: 2 });
    const sockets = [1, 2, 3, 4].map((port) => connection("10.0.0.1", port));
    limit.admit(sockets[0]!);
    limit.hold(peerNameOf(sockets[0]!));
    limit.admit(sockets[1]!);
    limit.admit(sockets[2]!);
    expect(open(sockets)).toEqual([1, 3, 4]);
    limit.hold(peerNameOf(sockets[2]!));
    expect(limit.admit(sockets[3]!)).toBe(false);
    expect(open(sockets)).toEqual([1, 3]);
  });

  test("a connection that was released is the newest", () => {
    const limit = new ConnectionLimit({ total: 2 });
    const sockets = [1, 2, 3].map((port) => connection("10.0.0.1", port));
    limit.admit(sockets[0]!);
    limit.hold(peerNameOf(sockets[0]!));
    limit.admit(sockets[1]!);
    limit.release(peerNameOf(sockets[0]!));
    limit.admit(sockets[2]!);
    expect(open(sockets)).toEqual([1, 3]);
  });

  test("one address takes nothing from others", () => {
    const limit = new ConnectionLimit({ total: 10, loose: 6, loosePerAddress: 2 });
    const others = [1, 2].map((port) => connection("10.0.0.2", port));
    const flood = Array.from({ length: 50 }, (_, index) => connection("10.0.0.1", 100 + index));
    for (const socket of [...others, ...flood]) limit.admit(socket);
    expect(open(others)).toEqual([1, 2]);
    expect(open(flood)).toEqual([148, 149]);
  });

  test("held connections leave room for others", () => {
    const limit = new ConnectionLimit({ total: 10, loose: 2 });
    const members = [1, 2, 3, 4].map((port) => connection("10.0.0.2", port));
    for (const socket of members) {
      limit.admit(socket);
      limit.hold(peerNameOf(socket));
    }
    const flood = Array.from({ length: 50 }, (_, index) => connection("10.0.0.1", 100 + index));
    for (const socket of flood) limit.admit(socket);
    expect(open(members)).toEqual([1, 2, 3, 4]);
    expect(open(flood)).toEqual([148, 149]);
  });
});

test("a connection that has closed counts no more", () => {
  const limit = new ConnectionLimit({ total: 1 });
  for (let port = 1; port < 5; port++) {
    const socket = connection("10.0.0.1", port);
    expect(limit.admit(socket)).toBe(true);
    limit.hold(peerNameOf(socket));
    socket.destroy();
  }
  expect([...limit.loose]).toEqual([]);
});

test("a name is the later connection's, when the former one closes late", () => {
  const limit = new ConnectionLimit({ total: 2 });
  const [former, later] = [connection("10.0.0.1", 1), connection("10.0.0.1", 1)];
  limit.admit(former);
  limit.admit(later);
  former.emit("close");
  expect([...limit.loose]).toEqual(["10.0.0.1:1"]);
});
