import { describe, expect, test } from "vitest";
import { cannotUse, readConnectionFault } from "./connection-fault.ts";

const base = "http://gpu-box:8000";
const withCode = (code: string, cause?: unknown): Error =>
  Object.assign(new Error("failed", { cause }), { code });

describe("what fetch throws", () => {
  test.each([
    { thrown: withCode("ECONNREFUSED"), why: "nothing listens there", broke: false },
    { thrown: withCode("ENOTFOUND"), why: "there is no host of that name", broke: false },
    { thrown: withCode("CERT_HAS_EXPIRED"), why: "its certificate has expired", broke: false },
    {
      thrown: withCode("DEPTH_ZERO_SELF_SIGNED_CERT"),
      why: "this machine does not trust its certificate",
      broke: false,
    },
    { thrown: withCode("EPIPE"), why: "it closed the connection", broke: true },
    { thrown: withCode("UND_ERR_BODY_TIMEOUT"), why: "it fell silent", broke: false },
    { thrown: new TypeError("terminated"), why: "the connection failed", broke: false },
    { thrown: "not even an error", why: "the connection failed", broke: false },
    { thrown: withCode("EOTHER"), why: "the connection failed with EOTHER", broke: false },
  ])("is $why", ({ thrown, why, broke }) => {
    expect(readConnectionFault(thrown)).toMatchObject({ why, broke });
  });

  test("is read through its causes, and through one for each address of a host", () => {
    const parts = new AggregateError([withCode("ECONNREFUSED"), withCode("ECONNREFUSED")]);
    const thrown = new TypeError("fetch failed", { cause: parts });
    expect(readConnectionFault(thrown)).toEqual({
      broke: false,
      isLate: false,
      why: "nothing listens there",
      advice: "nothing listens there. Start the server, or check host and port of --url.",
    });
  });

  test("is named by its innermost code when none is known", () => {
    const thrown = withCode("EOUTER", withCode("EINNER"));
    expect(cannotUse(base, readConnectionFault(thrown))).toBe(
      `cannot use the server at ${base}: the connection failed with EINNER.`,
    );
  });

  test("is read without end when an error is its own cause", () => {
    const thrown = withCode("ELOOP");
    thrown.cause = thrown;
    expect(readConnectionFault(thrown).why).toBe("the connection failed with ELOOP");
  });
});
