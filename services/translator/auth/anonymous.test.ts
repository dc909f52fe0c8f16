import { describe, expect, test } from "vitest";
import { anonymous, networkOf } from "./anonymous.ts";
import { createAuthenticate } from "./keys.ts";
import type { Credentials } from "./require-key.ts";

const open = createAuthenticate([]);
const enter = (credentials: Partial<Credentials> = {}) =>
  open({ authorization: undefined, userId: undefined, ...credentials }, new AbortController().signal);

describe("without keys", () => {
  test("everybody is let in, under any name, without a key's id and without a role", async () => {
    expect(await enter()).toMatchObject({ userId: anonymous, keyId: "" });
    expect(await enter({ authorization: "Bearer any", userId: "" })).toMatchObject({ userId: anonymous });
    const named = await enter({ userId: "x".repeat(500) });
    expect(named.userId).toHaveLength(128);
    expect(named.role).toBeUndefined();
  });

  test("the names of one address share its turns, and reveal nothing of it", async () => {
    const turns = async (userId: string, address: string) => (await enter({ userId, address })).fairnessId;
    const alice = await turns("alice", "192.0.2.7");
    expect(alice).toMatch(/^from_[0-9a-f]{16}$/);
    expect(await turns("bob", "192.0.2.7")).toBe(alice);
    expect(await turns("bob", "::ffff:192.0.2.7")).toBe(alice);
    expect(await turns("alice", "192.0.2.8")).not.toBe(alice);
  });

  test.each([
    ["127.0.0.1", "this machine"],
    ["127.8.8.8", "this machine"],
    ["::1", "this machine"],
    ["::ffff:127.0.0.1", "this machine"],
    ["10.1.2.3", "10.1.2.3"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:db8::1", "2001:db8:0:0"],
    ["fe80::1%eth0", "fe80:0:0:0"],
    ["", ""],
  ])("%s is of %s", (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  test.each([
    { origin: "http://localhost:3000" },
    { origin: "https://app.localhost" },
    { origin: "http://[::1]:8080" },
    { host: "127.0.0.1:8080" },
    { host: "[::1]:8080" },
    { host: "[::1]" },
    { host: "192.168.1.5" },
    { host: "LOCALHOST:8080" },
    { host: "host.docker.internal:8080" },
    { host: "laptop.local:8080" },
    { host: "translator:8080" },
  ])("$origin $host may ask", async (credentials) => {
    expect((await enter(credentials)).userId).toBe(anonymous);
  });

  test.each([
    { origin: "https://evil.example", because: "a page of another site" },
    { origin: "null", because: "a page in a sandbox or a file" },
    { origin: "https://localhost.evil.example", because: "a name that only begins like this machine's" },
    { origin: "https://127.0.0.1.evil.example", because: "an address that goes on as a name" },
    { origin: "http://192.168.1.5", because: "a page of another machine" },
    { origin: "", because: "no origin at all" },
    { host: "evil.example:8080", because: "a site's name for this address (DNS rebinding)" },
    { host: "127.0.0.1.evil.example", because: "likewise" },
    { host: "localhost.evil.example", because: "likewise" },
    { host: "evil.example", origin: "http://localhost:3000", because: "either is enough" },
  ])("$origin $host may not ask: $because", async ({ because: _, ...credentials }) => {
    const error = await enter(credentials).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      row: { http: 403 },
      message: expect.stringContaining("--api-key USER=KEY"),
    });
  });
});
