import { expect, test } from "vitest";
import { demandProtocol, protocol, protocolCode, protocolFault } from "./protocol.ts";

const parties = { other: "node", self: "registry" };

test.each([
  { told: { current: 3, oldest: 3 }, range: { oldest: 2, current: 4 } },
  { told: { current: 2, oldest: 0 }, range: { oldest: 2, current: 4 } },
  { told: { current: 4, oldest: 4 }, range: { oldest: 2, current: 4 } },
  // Newer, and it still speaks what this one does.
  { told: { current: 7, oldest: 4 }, range: { oldest: 2, current: 4 } },
  { told: { current: 0, oldest: 0 }, range: { oldest: 1, current: 2 } },
  { told: undefined, range: { oldest: 1, current: 2 } },
])("$told works with $range.oldest to $range.current", ({ told, range }) => {
  expect(protocolFault(parties, told, range)).toBeUndefined();
});

test.each([
  [{ current: 0, oldest: 0 }, "version 1"],
  [undefined, "version 1"],
  [{ current: 4, oldest: 3 }, "versions 3 to 4"],
])("of two, the older one is to be updated: a node that tells %j", (told, speaks) => {
  expect(protocolFault(parties, told, { oldest: 5, current: 6 })).toBe(
    `Update cxmpute on the node: it speaks ${speaks} of the mesh's protocol, the registry versions 5 to 6.`,
  );
});

test("both sides say the same", () => {
  const older = { current: 4, oldest: 4 };
  const newer = { current: 5, oldest: 5 };
  const says =
    "Update cxmpute on the registry: it speaks version 4 of the mesh's protocol, the node version 5.";
  expect(protocolFault(parties, newer, older)).toBe(says);
  expect(protocolFault({ other: "registry", self: "node" }, older, newer)).toBe(says);
});

test("who cannot work with this program is refused with a code of its own", () => {
  expect(() => demandProtocol(parties, { current: 99, oldest: 99 })).toThrow(
    expect.objectContaining({ kind: "invalid_request", code: protocolCode }),
  );
});

test("this program understands itself", () => {
  expect(protocolFault(parties, protocol)).toBeUndefined();
});
