import { expect, test } from "vitest";
import { parseOptions } from "./options.ts";

test("without options everything is measured, three times", () => {
  expect(parseOptions([])).toEqual({
    streams: 1000,
    tokens: 100,
    intervalMs: 20,
    rounds: 3,
    peers: ["mesh", "nginx", "node-pipe", "portkey"],
    workloads: ["aligned", "random", "short"],
    profile: [],
    json: undefined,
  });
});

test("profiling measures the mesh alone, once, unless told otherwise", () => {
  expect(parseOptions(["--profile", "router"])).toMatchObject({
    peers: ["mesh"],
    rounds: 1,
    profile: ["router"],
  });
  expect(parseOptions(["--profile", "router", "--only", "nginx,mesh"]).peers).toEqual(["mesh", "nginx"]);
});

test("TLS is measured beside plain text, and on request beside others", () => {
  expect(parseOptions(["--tls"]).peers).toEqual(["mesh", "mesh-tls"]);
  expect(parseOptions(["--tls", "--profile", "router"]).peers).toEqual(["mesh", "mesh-tls"]);
  expect(parseOptions(["--only", "mesh-tls,nginx,mesh"]).peers).toEqual(["mesh", "mesh-tls", "nginx"]);
});

test.each([
  { args: ["--streams", "none"], says: "--streams takes a whole number from 1 to 10000" },
  { args: ["--only", "ngnix"], says: 'not "ngnix"' },
  { args: ["--arrivals", "often"], says: 'not "often"' },
  { args: ["--fast"], says: "--fast" },
])("$args is refused with a message that says what is wrong", ({ args, says }) => {
  expect(() => parseOptions(args)).toThrow(says);
});
