import { beforeEach, describe, expect, test } from "vitest";
import type { Admission, IdentityStore } from "../../../services/registry/identities/store.ts";
import type { FakeClock } from "../core/fake-clock.ts";

/** An identity store under test. */
export interface IdentityStoreHarness {
  readonly store: IdentityStore;
  readonly clock: FakeClock;
}

const hashOf = (letter: string): string => letter.repeat(64);
const hourMs = 3_600_000;

/** What every identity store must do. Each test opens a fresh, empty one. */
export function describeIdentityStore(name: string, open: () => Promise<IdentityStoreHarness>): void {
  describe(`${name} as an identity store`, () => {
    let store: IdentityStore;
    let clock: FakeClock;
    beforeEach(async () => {
      ({ store, clock } = await open());
    });

    /** A token that lives for a minute. */
    const addToken = (letter = "a", uses = 1) =>
      store.addToken({ hash: hashOf(letter), uses, expiresAt: clock.wallTime() + 60_000 });
    const admission = (nodeId: string, token = "a", key = nodeId): Admission => ({
      tokenHash: hashOf(token),
      nodeId,
      keyHash: Buffer.from(key.padEnd(32, "-")).toString("hex"),
      now: clock.wallTime(),
      until: clock.wallTime() + hourMs,
    });
    const admit = async (...wanted: Parameters<typeof admission>) => store.admit(admission(...wanted));

    test("lets a node in with a token that it knows, once", async () => {
      await addToken();
      expect(await admit("n1")).toEqual({ is: "admitted" });
      expect(await admit("n2")).toEqual({ is: "token_used", uses: 1 });
    });

    test("lets exactly one of a hundred in that come at the same time", async () => {
      await addToken();
      const verdicts = await Promise.all(Array.from({ length: 100 }, (_, index) => admit(`n${index}`)));
      expect(verdicts.filter((verdict) => verdict.is === "admitted")).toHaveLength(1);
      expect(verdicts.filter((verdict) => verdict.is === "token_used")).toHaveLength(99);
    });

    test("lets as many in as the token allows", async () => {
      await addToken("a", 3);
      const verdicts = await Promise.all(["n1", "n2", "n3", "n4"].map((id) => admit(id)));
      expect(verdicts.map(({ is }) => is)).toEqual(["admitted", "admitted", "admitted", "token_used"]);
    });

    test("knows no token that was not made", async () => {
      await addToken();
      expect(await admit("n1", "b")).toEqual({ is: "unknown_token" });
    });

    test("refuses a token from the moment at which it expires, and says when that was", async () => {
      await addToken();
      const at = clock.wallTime() + 60_000;
      await clock.advance(59_999);
      expect(await admit("n1")).toEqual({ is: "admitted" });
      await addToken("b");
      await clock.advance(1);
      expect(await admit("n2")).toEqual({ is: "token_expired", at });
    });

    test("gives the same node the same answer again, without spending anything", async () => {
      await addToken("a", 2);
      await admit("n1");
      expect(await admit("n1")).toEqual({ is: "admitted" });
      expect(await admit("n2")).toEqual({ is: "admitted" });
      expect(await admit("n1")).toEqual({ is: "admitted" });
      expect(await admit("n3")).toEqual({ is: "token_used", uses: 2 });
    });

    test("gives no name to a second key, and the refusal costs no use", async () => {
      await addToken("a");
      await addToken("b");
      await admit("n1", "a");
      expect(await admit("n1", "b", "another key")).toEqual({ is: "name_taken" });
      expect(await admit("n2", "b")).toEqual({ is: "admitted" });
    });

    test("frees a name when the identity behind it has expired", async () => {
      await addToken("a");
      await admit("n1", "a");
      await clock.advance(hourMs);
      await addToken("b");
      expect(await admit("n1", "b", "another key")).toEqual({ is: "admitted" });
    });

    test("keeps a name that is renewed in time, by its own key only", async () => {
      await addToken("a");
      await admit("n1", "a");
      await clock.advance(hourMs / 2);
      expect(await store.renew(admission("n1"))).toBe(true);
      expect(await store.renew(admission("n1", "a", "another key"))).toBe(false);
      await clock.advance(hourMs / 2);
      await addToken("b");
      expect(await admit("n1", "b", "another key")).toEqual({ is: "name_taken" });
    });

    test("renews a node that has its certificate from elsewhere", async () => {
      expect(await store.renew(admission("n1"))).toBe(true);
    });

    test("never lets a revoked name in again, neither by its key nor by a token", async () => {
      await addToken("a", 2);
      await admit("n1");
      await store.revoke("n1");
      await store.revoke("n1");
      expect(await store.renew(admission("n1"))).toBe(false);
      expect(await admit("n1")).toEqual({ is: "name_revoked" });
      await clock.advance(hourMs);
      await addToken("b");
      expect(await admit("n1", "b", "another key")).toEqual({ is: "name_revoked" });
      expect(await admit("n2", "b")).toEqual({ is: "admitted" });
      expect(store.revocations.list()).toEqual(["n1"]);
    });

    test("says once who was revoked, to those who listen then, and to anybody who asks later", async () => {
      const { revocations } = store;
      const heard: string[] = [];
      const stop = revocations.onRevoked((nodeId) => heard.push(nodeId));
      expect(revocations.has("n1")).toBe(false);
      await Promise.all([store.revoke("n1"), store.revoke("n1"), store.revoke("n2")]);
      stop();
      await store.revoke("n3");
      expect(heard).toEqual(["n1", "n2"]);
      expect(revocations.list()).toEqual(["n1", "n2", "n3"]);
      expect(["n1", "n2", "n3", "n4"].map((nodeId) => revocations.has(nodeId))).toEqual([
        true,
        true,
        true,
        false,
      ]);
    });

    test("takes no more tokens than it can hold, and forgets them a day after they expired", async () => {
      for (let index = 0; index < 1000; index++)
        await store.addToken({
          hash: index.toString(16).padStart(64, "0"),
          uses: 1,
          expiresAt: clock.wallTime() + 1000,
        });
      await expect(addToken()).rejects.toMatchObject({ kind: "saturated" });
      await clock.advance(24 * hourMs + 1000);
      await addToken();
      expect(await admit("n1")).toEqual({ is: "admitted" });
    });
  });
}
