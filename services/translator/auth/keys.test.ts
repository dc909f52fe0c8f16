import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { anonymous, createAuthenticate } from "./keys.ts";

const authenticate = createAuthenticate([
  { key: "sk-cx-alice-0123456789", userId: "alice" },
  { sha256: createHash("sha256").update("sk-cx-bob-0123456789").digest("hex").toUpperCase(), userId: "bob" },
]);
const ask = (authorization?: string, userId?: string) => authenticate({ authorization, userId });
const failure = (run: () => unknown): MeshError => {
  try {
    run();
  } catch (error) {
    if (error instanceof MeshError) return error;
  }
  throw new Error("It did not fail.");
};

describe("a key", () => {
  test("says who asks, in clear or hashed, with or without the user's own id", () => {
    expect(ask("Bearer sk-cx-alice-0123456789")).toBe("alice");
    expect(ask("bearer   sk-cx-bob-0123456789 ")).toBe("bob");
    expect(ask("Bearer sk-cx-alice-0123456789", "alice")).toBe("alice");
  });

  test.each([undefined, "", "Bearer", "Bearer ", "Basic c2stY3g6", "sk-cx-alice-0123456789"])(
    "is missing in %s",
    (authorization) => {
      const error = failure(() => ask(authorization));
      expect(error.message).toContain("You didn't provide an API key.");
      expect([error.row.http, error.row.code]).toEqual([401, null]);
    },
  );

  test.each(["Bearer sk-cx-mallory-0123456789", "Bearer __proto__", "Bearer sk-cx-alice-012345678"])(
    "is wrong in %s",
    (authorization) => {
      const error = failure(() => ask(authorization));
      expect(error.message).toContain("Incorrect API key provided: ");
      expect(error.message).not.toContain(authorization.slice("Bearer ".length));
      expect([error.row.http, error.row.code]).toEqual([401, "invalid_api_key"]);
    },
  );

  test("does not open somebody else's account", () => {
    const error = failure(() => ask("Bearer sk-cx-alice-0123456789", "bob"));
    expect([error.row.http, error.row.code]).toEqual([401, "invalid_api_key"]);
    expect(error.message).not.toContain("alice");
  });
});

test("without keys everybody is let in, under any name", () => {
  const open = createAuthenticate([]);
  expect(open({ authorization: undefined, userId: undefined })).toBe(anonymous);
  expect(open({ authorization: "Bearer any", userId: "" })).toBe(anonymous);
  expect(open({ authorization: undefined, userId: "x".repeat(500) })).toHaveLength(128);
});
