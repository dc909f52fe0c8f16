import { expect, test } from "vitest";
import { protocol, protocolFault } from "./protocol.ts";

const parties = { other: "node", self: "registry" };

test.each([
  { told: 3, range: { oldest: 2, current: 4 } },
  { told: 2, range: { oldest: 2, current: 4 } },
  { told: 4, range: { oldest: 2, current: 4 } },
  { told: 0, range: { oldest: 1, current: 2 } },
])("version $told is understood by $range.oldest to $range.current", ({ told, range }) => {
  expect(protocolFault(parties, told, range)).toBeUndefined();
});

test("an older one is told to update itself, and to what", () => {
  expect(protocolFault(parties, 0, { oldest: 2, current: 4 })).toBe(
    "The node speaks version 1 of the mesh's protocol, the registry understands versions 2 to 4: they cannot work together. Update cxmpute on the node.",
  );
});

test("a newer one is told that the other has to be updated", () => {
  expect(protocolFault(parties, 5, { oldest: 4, current: 4 })).toBe(
    "The node speaks version 5 of the mesh's protocol, the registry understands version 4: they cannot work together. Update cxmpute on the registry.",
  );
});

test("this program understands itself", () => {
  expect(protocolFault(parties, protocol.current)).toBeUndefined();
});
