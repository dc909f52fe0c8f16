import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type WatchNodesResponse,
  WatchNodesResponseSchema,
} from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { History } from "./history.ts";

const word = (revision: bigint): WatchNodesResponse =>
  create(WatchNodesResponseSchema, {
    event: { case: "change", value: { revision, change: { case: "removed", value: "n" } } },
  });

const historyOf = (revisions: readonly bigint[], limit = 100): History => {
  const history = new History(limit);
  for (const revision of revisions) history.append(revision, word(revision));
  return history;
};

/** The revisions of the next changes after one, or what it fails with instead. */
async function read(history: History, after: bigint, count: number): Promise<bigint[]> {
  const changes = history.after(after, new AbortController().signal);
  const revisions: bigint[] = [];
  while (revisions.length < count) {
    const { event } = (await changes.next()).value as WatchNodesResponse;
    revisions.push((event.value as { revision: bigint }).revision);
  }
  return revisions;
}

test.each([
  { after: 0n, reads: [10n, 11n, 500n] },
  { after: 9n, reads: [10n, 11n, 500n] },
  { after: 10n, reads: [11n, 500n] },
  { after: 12n, reads: [500n] },
  { after: 499n, reads: [500n] },
])("after revision $after come $reads, whatever numbers are skipped", async ({ after, reads }) => {
  expect(await read(historyOf([10n, 11n, 500n]), after, reads.length)).toEqual(reads);
});

test.each([10n, 9n, 0n])("revision %d does not follow revision 10", (revision) => {
  const history = historyOf([10n]);
  expect(() => history.append(revision, word(revision))).toThrow(`Revision ${revision} does not follow`);
  expect(history.latest).toBe(10n);
});

test("a reader that has seen the last forgotten change loses nothing, one before it is cut", async () => {
  const history = historyOf([10n, 20n, 30n, 40n], 2);
  expect(await read(history, 20n, 2)).toEqual([30n, 40n]);
  expect(await read(history, 25n, 2)).toEqual([30n, 40n]);
  await expect(read(history, 19n, 1)).rejects.toMatchObject({ kind: "saturated" });
});

test("a reader that is ahead waits for what follows its revision", async () => {
  const history = historyOf([10n]);
  const waiting = read(history, 15n, 1);
  history.append(12n, word(12n));
  history.append(16n, word(16n));
  expect(await waiting).toEqual([16n]);
});

test("whatever is skipped and wherever a reader begins, it reads every later change once and in order", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.bigInt({ min: 1n, max: 1000n }), { maxLength: 40 }),
      fc.bigInt({ min: 0n, max: 1000n }),
      async (unsorted, after) => {
        const revisions = [...unsorted].sort((a, b) => (a < b ? -1 : 1));
        const later = revisions.filter((revision) => revision > after);
        expect(await read(historyOf(revisions), after, later.length)).toEqual(later);
      },
    ),
  );
});
