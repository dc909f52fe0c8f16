import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { createAuthenticate } from "./keys.ts";

const authenticate = createAuthenticate([
  { key: "sk-cx-alice-0123456789", userId: "alice" },
  { sha256: createHash("sha256").update("sk-cx-bob-0123456789").digest("hex").toUpperCase(), userId: "bob" },
]);
const { signal } = new AbortController();
const ask = (authorization?: string, userId?: string) => authenticate({ authorization, userId }, signal);
const failure = async (answer: Promise<unknown>): Promise<MeshError> => {
  const error = await answer.catch((thrown: unknown) => thrown);
  if (error instanceof MeshError) return error;
  throw new Error("It did not fail.");
};

describe("a key", () => {
  test("says who asks, in clear or hashed, with or without the user's own id", async () => {
    expect(await ask("Bearer sk-cx-alice-0123456789")).toMatchObject({ userId: "alice" });
    expect(await ask("bearer   sk-cx-bob-0123456789 ")).toMatchObject({ userId: "bob" });
    expect(await ask("Bearer sk-cx-alice-0123456789", "alice")).toMatchObject({ userId: "alice" });
  });

  test("has an id that is the same however it is configured, and shows neither key nor hash", async () => {
    const key = "sk-cx-alice-0123456789";
    const sha256 = createHash("sha256").update(key).digest("hex");
    const { keyId } = await ask(`Bearer ${key}`);
    const hashed = createAuthenticate([{ sha256, userId: "alice" }]);
    expect((await hashed({ authorization: `Bearer ${key}`, userId: undefined }, signal)).keyId).toBe(keyId);
    expect((await ask("Bearer sk-cx-bob-0123456789")).keyId).not.toBe(keyId);
    expect(keyId).toMatch(/^key_[0-9a-f]{16}$/);
    expect(sha256).not.toContain(keyId.slice("key_".length));
  });

  test("is of no project, and neither restricted nor limited, where it is configured", async () => {
    const { projectId, scopes, limits } = await ask("Bearer sk-cx-alice-0123456789");
    expect({ projectId, scopes, limits }).toEqual({ projectId: "", scopes: undefined, limits: {} });
  });

  test.each([undefined, "", "Bearer", "Bearer ", "Basic c2stY3g6", "sk-cx-alice-0123456789"])(
    "is missing in %s",
    async (authorization) => {
      const error = await failure(ask(authorization));
      expect(error.message).toContain("You didn't provide an API key.");
      expect([error.row.http, error.row.code]).toEqual([401, null]);
    },
  );

  test.each(["Bearer sk-cx-mallory-0123456789", "Bearer __proto__", "Bearer sk-cx-alice-012345678"])(
    "is wrong in %s",
    async (authorization) => {
      const error = await failure(ask(authorization));
      expect(error.message).toContain("Incorrect API key provided: ");
      expect(error.message).not.toContain(authorization.slice("Bearer ".length));
      expect([error.row.http, error.row.code]).toEqual([401, "invalid_api_key"]);
    },
  );

  test("does not open another account", async () => {
    const error = await failure(ask("Bearer sk-cx-alice-0123456789", "bob"));
    expect([error.row.http, error.row.code]).toEqual([401, "invalid_api_key"]);
    expect(error.message).not.toContain("alice");
  });
});

test("a key's project and role are its caller's", async () => {
  const keyed = createAuthenticate([
    { key: "sk-cx-carol", userId: "carol", projectId: "p", role: "operator" },
    { key: "sk-cx-carol-2", userId: "carol" },
  ]);
  const enter = (key: string) => keyed({ authorization: `Bearer ${key}`, userId: undefined }, signal);
  expect(await enter("sk-cx-carol")).toMatchObject({ userId: "carol", projectId: "p", role: "operator" });
  const second = await enter("sk-cx-carol-2");
  expect(second).toMatchObject({ userId: "carol", projectId: "" });
  expect(second.role).toBeUndefined();
});

test.each(["alice, alice", "alice,bob", "Alice", "alice ", "al\u00efce", "*", "", "x".repeat(10_000)])(
  "a user id that is not exactly the key's is refused: %s",
  async (userId) => {
    const error = await failure(ask("Bearer sk-cx-alice-0123456789", userId));
    expect([error.row.http, error.row.code]).toEqual([401, "invalid_api_key"]);
    expect(error.message.length).toBeLessThan(200);
  },
);
