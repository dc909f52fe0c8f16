import { expect, test } from "vitest";
import { check } from "../rpc/health-client.ts";
import { describeSymbol, listServices } from "../rpc/reflection-client.ts";
import { run } from "../support/program.ts";
import { sharedMesh } from "../support/shared-mesh.ts";

const mesh = await sharedMesh("in many processes");

test("the client of the documentation streams an answer from a router", async () => {
  const [router = ""] = mesh.routers;
  const client = run(["docs/examples/grpc-client.ts", router, mesh.model, "What is the capital of France?"]);
  expect(await client.ended).toEqual({ code: 0, signal: null });
  expect(client.stdout()).toMatch(/Paris[\s\S]*\n\d+ tokens/);
});

test("the client of the documentation is about 15 lines long", async () => {
  const { readFile } = await import("node:fs/promises");
  const source = await readFile(new URL("../../docs/examples/grpc-client.ts", import.meta.url), "utf8");
  expect(source.split("\n").filter((line) => line.trim() !== "").length).toBeLessThanOrEqual(16);
});

test("every gRPC server answers health and reflection", async () => {
  const [router = ""] = mesh.routers;
  const [node = ""] = mesh.dialled;
  for (const [address, service, method] of [
    [mesh.registry, "cxmpute.registry.v1.RegistryService", "WatchNodes"],
    [router, "cxmpute.router.v1.RouterService", "Generate"],
    [node, "cxmpute.inference.v1.InferenceService", "Relay"],
  ] as const) {
    expect(await check(address, "")).toBe("SERVING");
    expect(await check(address, service)).toBe("SERVING");
    expect(await listServices(address)).toContain(service);
    expect((await describeSymbol(address, `${service}.${method}`)).length).toBeGreaterThan(0);
  }
});
