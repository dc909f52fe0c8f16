import { expect, test } from "vitest";
import type { CpuProfile, ProfileNode } from "./inspector.ts";
import { summarizeProfile } from "./self-time.ts";

const frame = (
  id: number,
  functionName: string,
  url: string,
  lineNumber: number,
  children: number[] = [],
): ProfileNode => ({ id, callFrame: { functionName, url, lineNumber }, children });

const profile: CpuProfile = {
  nodes: [
    frame(1, "(root)", "", -1, [2, 3]),
    frame(2, "(idle)", "", -1),
    frame(3, "collect", "file:///project/core/relay/server.ts", 40, [4]),
    frame(4, "write", "file:///project/node_modules/@grpc/grpc-js/build/call.js", 7, [5, 6]),
    frame(5, "writev", "", -1),
    frame(6, "collect", "file:///project/core/relay/server.ts", 40),
  ],
  samples: [2, 3, 4, 5, 6],
  timeDeltas: [0, 900, 10, 40, 20, 30],
};

test("a function's own time is summed over all its callers, without idle time", () => {
  const { busyMicros, functions } = summarizeProfile(profile, "/project/");
  expect(busyMicros).toBe(100);
  expect(functions).toEqual([
    { name: "collect core/relay/server.ts:41", micros: 40, share: 0.4 },
    { name: "write npm:@grpc/grpc-js/build/call.js:8", micros: 40, share: 0.4 },
    { name: "writev", micros: 20, share: 0.2 },
  ]);
});

test("modules are packages, own files, and the rest", () => {
  const { modules } = summarizeProfile(profile, "/project/");
  expect(modules.map(({ name }) => name)).toEqual([
    "core/relay/server.ts",
    "npm:@grpc/grpc-js",
    "(native, garbage collection)",
  ]);
});

test("inclusive time counts what an own function called, once even where it is called again underneath", () => {
  expect(summarizeProfile(profile, "/project/").inclusive).toEqual([
    { name: "collect core/relay/server.ts:41", micros: 100, share: 1 },
  ]);
});
