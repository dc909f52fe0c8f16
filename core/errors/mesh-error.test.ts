import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { Reason } from "../../gen/cxmpute/error/v1/error_pb.ts";
import { fromConnectError, toConnectError } from "../rpc/status.ts";
import { type Kind, kindOf, kinds } from "./kinds.ts";
import { fromErrorDetail, internalMessage, MeshError, toErrorDetail, toMeshError } from "./mesh-error.ts";

const names = Object.keys(kinds) as Kind[];

describe("the table of kinds", () => {
  // Clients act on every column: a change here is a change of the public contract.
  test("says this and nothing else", () => {
    const rows = names.map((kind) => {
      const { grpc, http, type, code, retry } = kinds[kind];
      return `${kind} | ${Code[grpc]} | ${http} | ${type} | ${code} | ${retry}`;
    });
    expect(rows).toEqual([
      "invalid_request | InvalidArgument | 400 | invalid_request_error | null | never",
      "unauthenticated | Unauthenticated | 401 | invalid_request_error | invalid_api_key | never",
      "model_not_found | NotFound | 404 | invalid_request_error | model_not_found | never",
      "rate_limited | ResourceExhausted | 429 | requests | rate_limit_exceeded | after",
      "quota_exceeded | ResourceExhausted | 429 | insufficient_quota | insufficient_quota | never",
      "caller_queue_full | ResourceExhausted | 429 | requests | rate_limit_exceeded | after",
      "saturated | Unavailable | 503 | server_error | overloaded | after",
      "queue_expired | Unavailable | 503 | server_error | overloaded | after",
      "no_nodes | Unavailable | 503 | server_error | null | after",
      "engine_failed | Unavailable | 502 | server_error | null | elsewhere",
      "node_lost | Unavailable | 502 | server_error | null | elsewhere",
      "deadline | DeadlineExceeded | 504 | server_error | timeout | never",
      "cancelled | Canceled | 499 | server_error | null | never",
      "internal | Internal | 500 | server_error | null | never",
    ]);
  });

  test("has one kind for every reason on the wire", () => {
    const reasons = Object.values(Reason).filter((reason) => reason !== Reason.UNSPECIFIED);
    expect(names.map((kind) => kinds[kind].reason).sort()).toEqual([...reasons].sort());
    expect(kindOf(Reason.UNSPECIFIED)).toBe("internal");
    expect(kindOf(999 as Reason)).toBe("internal");
  });
});

describe("a MeshError", () => {
  test.each(names)("of kind %s crosses processes unchanged, as detail and as status", (kind) => {
    for (const options of [
      {},
      { code: "c", param: "messages[0].role", retryAfterMs: 0 },
      { retryAfterMs: 250 },
    ]) {
      const error = new MeshError(kind, "What was wrong — ✓", options);
      for (const back of [fromErrorDetail(toErrorDetail(error)), fromConnectError(toConnectError(error))]) {
        const { message, code, param, retryAfterMs } = error;
        expect(back).toMatchObject({ kind, message, code, param, retryAfterMs });
      }
    }
  });

  test("made from a bug hides what the bug said, and keeps it as its cause", () => {
    const bug = new TypeError("user prompt: my secret");
    const error = toMeshError(bug);
    expect(error).toMatchObject({ kind: "internal", message: internalMessage, cause: bug });
    expect(JSON.stringify(toErrorDetail(error))).not.toContain("secret");
  });

  test("made from an abort is cancelled, from a time-out a deadline", () => {
    expect(toMeshError(AbortSignal.abort().reason).kind).toBe("cancelled");
    expect(toMeshError(new DOMException("late", "TimeoutError")).kind).toBe("deadline");
  });
});
