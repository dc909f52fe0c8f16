import { channel } from "node:diagnostics_channel";
import type { FastifyInstance } from "fastify";
import { expect, test } from "vitest";
import { bearer, createTestApp } from "../../../test/support/translator/translator.ts";
import { toDocument } from "./document.ts";
import { routes } from "./routes.ts";

const document = toDocument();

/** Every method and address that is served; HEAD, and what is there only to be refused, aside. */
async function listServed(): Promise<string[]> {
  const found: { method: string; url: string }[] = [];
  const listen = (message: unknown) =>
    (message as { fastify: FastifyInstance }).fastify.addHook("onRoute", ({ method, url }) => {
      for (const one of [method].flat()) if (one !== "HEAD") found.push({ method: one, url });
    });
  channel("fastify.initialization").subscribe(listen);
  const app = createTestApp();
  channel("fastify.initialization").unsubscribe(listen);
  await app.ready();
  const served = await Promise.all(
    found.map(async ({ method, url }) => {
      const { statusCode, body } = await app.inject({
        method: method as "GET",
        url: url.replace(/\*|:\w+/g, "x"),
        headers: { ...bearer, "x-api-key": bearer.authorization.split(" ")[1] },
      });
      return statusCode === 405 || body.includes("Invalid URL (")
        ? []
        : [`${method} ${url.replace(/:\w+/g, "*")}`];
    }),
  );
  return served.flat().sort();
}

/** The same of what is described. */
const listDescribed = (): string[] =>
  Object.entries(routes)
    .flatMap(([route, { mount }]) => {
      const [method = "", path = ""] = route.split(" ");
      const mounts = { api: ["/v1", "/api/v1"], root: [""], both: ["", "/v1", "/api/v1"] }[mount ?? "api"];
      return mounts.map((prefix) => `${method.toUpperCase()} ${prefix}${path.replace(/\{\w+\}/g, "*")}`);
    })
    .sort();

test("every route that is served is described: one that is missing wants an entry in openapi/routes.ts", async () => {
  const described = new Set(listDescribed());
  expect((await listServed()).filter((route) => !described.has(route))).toEqual([]);
});

test("every route that is described is served", async () => {
  const served = new Set(await listServed());
  expect(served.size).toBeGreaterThan(0);
  expect(listDescribed().filter((route) => !served.has(route))).toEqual([]);
});

test.each(["/openapi.json", "/v1/openapi.json", "/api/v1/openapi.json"])(
  "the description is served at %s, without a key",
  async (url) => {
    const response = await createTestApp().inject({ url });
    expect(response.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(response.json()).toEqual(JSON.parse(JSON.stringify(document)));
  },
);

test("every reference in the document leads somewhere", () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path!);
  expect(references.length).toBeGreaterThan(10);
  for (const path of new Set(references)) {
    const found = path
      .split("/")
      .reduce<unknown>((value, key) => (value as Record<string, unknown>)?.[key], document);
    expect([path, typeof found]).toEqual([path, "object"]);
  }
});

test("every part of a path that varies is declared as a parameter, and nothing else is", () => {
  for (const [path, { parameters = [] }] of Object.entries(routes)) {
    const declared = parameters as readonly { name: string; in: string }[];
    const inPath = declared.filter((parameter) => parameter.in === "path").map(({ name }) => name);
    expect([path, inPath]).toEqual([path, [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)]);
  }
});

test("no two operations have the same id, and no two schemas the same name", () => {
  const ids = Object.values(routes).map(({ operationId }) => operationId);
  expect(ids.length).toBe(new Set(ids).size);
  const named = new Map<string, unknown>();
  for (const { schemas = {} } of Object.values(routes))
    for (const [name, schema] of Object.entries(schemas)) {
      expect([name, named.get(name) ?? schema]).toEqual([name, schema]);
      named.set(name, schema);
    }
});
