import { createContextValues, createHandlerContext, type HandlerContext } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import { restrict } from "./access.ts";
import type { Identity } from "./identity.ts";
import { anonymousPeer, callingNode, demandSelf, type Peer, peerKey, trustedPeer } from "./peer.ts";

const contextOf = (peer?: Peer): HandlerContext => {
  const method = RouterService.method.listModels;
  const values = createContextValues();
  if (peer !== undefined) values.set(peerKey, peer);
  return createHandlerContext({
    service: RouterService,
    method,
    protocolName: "test",
    requestMethod: "POST",
    url: "test:",
    contextValues: values,
  });
};
const identified = (identity: Identity): Peer => ({
  kind: "identified",
  identity,
  publicKey: new Uint8Array(),
});

let entered = 0;
const listModels = () => {
  entered++;
  return { models: [] };
};
const guarded = restrict(RouterService, { listModels } as never, {
  listModels: ["translator", "admin"],
  relay: "anybody",
  attach: [],
  generate: [],
  explainRoute: [],
});
const call = (peer?: Peer) => guarded.listModels({} as never, contextOf(peer));

test.each<[string, Peer]>([
  ["trusted", trustedPeer],
  ["a translator", identified({ role: "translator" })],
  ["an admin", identified({ role: "admin" })],
])("lets a caller in who is %s", (_, peer) => {
  expect(call(peer)).toEqual({ models: [] });
});

test.each<[string, Peer | undefined, string]>([
  ["unknown to the transport", undefined, "not shown a valid one"],
  ["anonymous", anonymousPeer, "not shown a valid one"],
  [
    "a router",
    identified({ role: "router" }),
    "listModels is not for the router; it is for: translator, admin.",
  ],
  [
    "a node",
    identified({ role: "node", id: "n" }),
    "listModels is not for node n; it is for: translator, admin.",
  ],
])("refuses a caller who is %s before the handler sees anything", (_, peer, message) => {
  const before = entered;
  expect(() => call(peer)).toThrow(
    expect.objectContaining({ kind: "unauthenticated", message: expect.stringContaining(message) }),
  );
  expect(entered).toBe(before);
});

test("a node acts only under its own name", () => {
  const attempt = (peer: Peer) => () => demandSelf(contextOf(peer), "a", "Attaching");
  expect(attempt(identified({ role: "node", id: "a" }))).not.toThrow();
  expect(attempt(identified({ role: "router" }))).not.toThrow();
  expect(attempt(trustedPeer)).not.toThrow();
  expect(attempt(identified({ role: "node", id: "A" }))).toThrow(/as node a is not for node A/);
  expect(attempt(anonymousPeer)).toThrow(/a caller without an identity/);
});

test("only a node's certificate says which node calls", () => {
  expect(callingNode(contextOf(identified({ role: "node", id: "a" })))).toBe("a");
  expect(callingNode(contextOf(identified({ role: "admin" })))).toBeUndefined();
  expect(callingNode(contextOf(trustedPeer))).toBeUndefined();
});
