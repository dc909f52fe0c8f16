import { expect, test } from "vitest";
import { toListenFault } from "./listen-fault.ts";
import { UserFault } from "./user-fault.ts";

const coded = (code: string, message = "failed") => Object.assign(new Error(message), { code });

test.each([
  {
    hidden: "in the code of Node's own error",
    error: coded("EADDRINUSE"),
    says: "127.0.0.1:80 is already in use",
  },
  {
    hidden: "in the text of a gRPC error",
    error: new Error(
      "No address added out of total 1 resolved errors: [listen EADDRINUSE: address already in use]",
    ),
    says: "127.0.0.1:80 is already in use",
  },
  {
    hidden: "in a cause",
    error: new Error("cannot start", { cause: coded("EACCES") }),
    says: "ports below 1024 need a privilege",
  },
  {
    hidden: "in a code of its own kind",
    error: coded("EADDRNOTAVAIL"),
    says: "not an address of this machine",
  },
  {
    hidden: "in gRPC's own words",
    error: new Error("Name resolution failed for target dns:nope:1"),
    says: "no host of that name",
  },
  { hidden: "in a lookup", error: coded("ENOTFOUND"), says: "no host of that name" },
])("says what to do about an error whose reason is $hidden", ({ error, says }) => {
  const fault = toListenFault(error, "127.0.0.1:80");
  expect(fault).toBeInstanceOf(UserFault);
  expect((fault as UserFault).message).toContain(says);
  expect((fault as UserFault).message).toContain("--listen HOST:PORT");
  expect((fault as UserFault).cause).toBe(error);
});

test("leaves an error alone that is not about listening", () => {
  const bug = new TypeError("x is undefined");
  expect(toListenFault(bug, "127.0.0.1:80")).toBe(bug);
});
