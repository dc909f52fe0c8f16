import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import { describeIdentityStore } from "../../../test/support/registry/identity-store-contract.ts";
import { openFileStore } from "./file-store.ts";
import { createLedgerStore } from "./ledger-store.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cxmpute-identities-"));
  path = join(folder, "registry", "identities.json");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describeIdentityStore("the ledger in memory", async () => {
  const clock = new FakeClock();
  return { store: createLedgerStore({ clock }), clock };
});

describeIdentityStore("the ledger in a file", async () => {
  const clock = new FakeClock();
  return { store: await openFileStore(path, clock), clock };
});

describe("the ledger in a file", () => {
  const token = { hash: "a".repeat(64), uses: 1, expiresAt: Number.MAX_SAFE_INTEGER };

  test("writes nothing before there is something to keep", async () => {
    await openFileStore(path, new FakeClock());
    expect(await readdir(folder)).toEqual([]);
  });

  test("remembers everything when it is opened again", async () => {
    const clock = new FakeClock();
    const admission = (nodeId: string, token: string, key: string) => ({
      nodeId,
      tokenHash: token.repeat(64),
      keyHash: key.repeat(64),
      now: clock.wallTime(),
      until: clock.wallTime() + 3_600_000,
    });
    const former = await openFileStore(path, clock);
    await former.addToken(token);
    await former.addToken({ ...token, hash: "b".repeat(64) });
    await former.admit(admission("n1", "a", "1"));
    await former.revoke("bad");
    const store = await openFileStore(path, clock);
    expect(await store.admit(admission("n2", "a", "2"))).toEqual({ is: "token_used", uses: 1 });
    expect(await store.admit(admission("n1", "b", "2"))).toEqual({ is: "name_taken" });
    expect(await store.admit(admission("bad", "b", "2"))).toEqual({ is: "name_revoked" });
    expect(await store.admit(admission("n2", "b", "2"))).toEqual({ is: "admitted" });
    expect(store.revocations.list()).toEqual(["bad"]);
  });

  test("is for its owner's eyes only, and leaves no drafts behind", async () => {
    const store = await openFileStore(path, new FakeClock());
    await Promise.all([store.addToken(token), store.revoke("x"), store.revoke("y")]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(folder, "registry"))).toEqual(["identities.json"]);
  });

  test.each([
    ["is cut", '{"version":1,"tok'],
    ["is of another kind", '{"version":2,"tokens":[],"nodes":{},"revoked":[]}'],
  ])("is not begun anew when the file %s", async (_, text) => {
    const store = await openFileStore(path, new FakeClock());
    await store.revoke("bad");
    await writeFile(path, text);
    await expect(openFileStore(path, new FakeClock())).rejects.toThrow(/identities\.json cannot be used/);
    expect(await readFile(path, "utf8")).toBe(text);
  });

  test("tells nobody of a change that could not be written down", async () => {
    const store = createLedgerStore({
      clock: new FakeClock(),
      save: async () => {
        throw new Error("the disk is full");
      },
    });
    await expect(store.addToken(token)).rejects.toThrow("the disk is full");
    const heard: string[] = [];
    store.revocations.onRevoked((nodeId) => heard.push(nodeId));
    await expect(store.revoke("x")).rejects.toThrow("the disk is full");
    expect(heard).toEqual([]);
    expect(store.revocations.list()).toEqual(["x"]);
  });
});
