import { describe, expect, test } from "vitest";
import { readConnectionFault } from "./connection-fault.ts";

const base = "http://gpu-box:8000";
const withCode = (code: string, cause?: unknown): Error =>
  Object.assign(new Error("failed", { cause }), { code });

describe("what fetch throws", () => {
  test.each([
    { thrown: withCode("ECONNREFUSED"), reason: "connection refused", broke: false },
    { thrown: withCode("ENOTFOUND"), reason: "no machine of that name", broke: false },
    { thrown: withCode("CERT_HAS_EXPIRED"), reason: "its certificate has expired", broke: false },
    {
      thrown: withCode("DEPTH_ZERO_SELF_SIGNED_CERT"),
      reason: "its certificate is not trusted here",
      broke: false,
    },
    { thrown: withCode("EPIPE"), reason: "it closed the connection", broke: true },
    { thrown: withCode("UND_ERR_BODY_TIMEOUT"), reason: "it fell silent", broke: false },
    { thrown: new TypeError("terminated"), reason: "the connection failed", broke: false },
    { thrown: "not even an error", reason: "the connection failed", broke: false },
    { thrown: withCode("EOTHER"), reason: "the connection failed with EOTHER", broke: false },
  ])("is $reason", ({ thrown, reason, broke }) => {
    expect(readConnectionFault(thrown, base)).toMatchObject({ reason, broke });
  });

  test("is read through its causes, and through one for each address of a host", () => {
    const parts = new AggregateError([withCode("ECONNREFUSED"), withCode("ECONNREFUSED")]);
    const thrown = new TypeError("fetch failed", { cause: parts });
    expect(readConnectionFault(thrown, base)).toEqual({
      broke: false,
      reason: "connection refused",
      words: `Nothing answers at ${base}. Start the server there, or give the address where it is.`,
    });
  });

  test("is named by its innermost code when none is known", () => {
    const thrown = withCode("EOUTER", withCode("EINNER"));
    expect(readConnectionFault(thrown, base).words).toBe(`Talking to ${base} failed (EINNER).`);
  });

  test("is read without end when an error is its own cause", () => {
    const thrown = withCode("ELOOP");
    thrown.cause = thrown;
    expect(readConnectionFault(thrown, base).reason).toBe("the connection failed with ELOOP");
  });
});
