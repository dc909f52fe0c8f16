import fc from "fast-check";
import { expect, test } from "vitest";
import { formatIdentity, type Identity, parseIdentity } from "./identity.ts";
import { formatJoinToken, parseJoinToken } from "./join-token.ts";

test.each<[Identity, string]>([
  [{ role: "registry" }, "spiffe://cxmpute-mesh/service/registry"],
  [{ role: "router" }, "spiffe://cxmpute-mesh/service/router"],
  [{ role: "translator" }, "spiffe://cxmpute-mesh/service/translator"],
  [{ role: "admin" }, "spiffe://cxmpute-mesh/admin"],
  [{ role: "client" }, "spiffe://cxmpute-mesh/client"],
  [{ role: "node", id: "gpu-1" }, "spiffe://cxmpute-mesh/node/gpu-1"],
  [{ role: "node", id: "a/b:c@d" }, "spiffe://cxmpute-mesh/node/a%2Fb%3Ac%40d"],
])("writes %j as %s, and reads it back", (identity, uri) => {
  expect(formatIdentity(identity)).toBe(uri);
  expect(parseIdentity(uri)).toEqual(identity);
});

test.each([
  "spiffe://cxmpute-mesh",
  "spiffe://cxmpute-mesh/",
  "spiffe://cxmpute-mesh/service/admin",
  "spiffe://cxmpute-mesh/service/node",
  "spiffe://cxmpute-mesh/admin/",
  "spiffe://cxmpute-mesh/Admin",
  "spiffe://cxmpute-mesh/node/",
  "spiffe://cxmpute-mesh/node/a/b",
  "spiffe://cxmpute-mesh/node/%67pu-1",
  "spiffe://cxmpute-mesh/node/a%2fb",
  "spiffe://cxmpute-mesh/node/%zz",
  "spiffe://cxmpute-mesh/node/-a",
  `spiffe://cxmpute-mesh/node/${"a".repeat(129)}`,
  "spiffe://another-mesh/admin",
  "https://cxmpute-mesh/admin",
])("finds no identity in %s: each has one spelling", (uri) => {
  expect(parseIdentity(uri)).toBeUndefined();
});

test("no text but an identity's own gives it", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const identity = parseIdentity(`spiffe://cxmpute-mesh/node/${text}`);
      if (identity !== undefined) expect(formatIdentity(identity)).toBe(`spiffe://cxmpute-mesh/node/${text}`);
    }),
  );
});

const token = {
  registry: "mesh.example:50051",
  routers: ["mesh.example:50052", "[2001:db8::1]:50052"],
  authorityFingerprint: "0f".repeat(32),
  secret: "aB3_-",
};

test("a join token is one word that a shell takes as it is", () => {
  const text = formatJoinToken(token);
  expect(text).toMatch(/^cxj_[\w-]+$/);
  expect(parseJoinToken(text)).toEqual(token);
});

test("no part of a join token is taken for all of it", () => {
  const text = formatJoinToken(token);
  for (let length = 0; length < text.length; length++)
    expect(parseJoinToken(text.slice(0, length))).toBeUndefined();
  expect(parseJoinToken(text.slice(1))).toBeUndefined();
});

test.each([
  ["another form", [2, "r:1", ["r:2"], "AA", "s"]],
  ["a fingerprint of another length", [1, "r:1", ["r:2"], "AAAA", "s"]],
  ["an address that is none", [1, "r", ["r:2"], Buffer.alloc(32).toString("base64url"), "s"]],
  ["routers that are none", [1, "r:1", "r:2", Buffer.alloc(32).toString("base64url"), "s"]],
  ["nothing in it", null],
])("a join token with %s is none", (_, content) => {
  expect(parseJoinToken(`cxj_${Buffer.from(JSON.stringify(content)).toString("base64url")}`)).toBeUndefined();
});
