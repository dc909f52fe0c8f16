import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadConfig } from "../../../core/config/load.ts";
import { assignUsers } from "./api-keys.ts";
import { translatorSettings } from "./services.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "api-keys-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const hex = sha256("sk-cx-hashed");

/** The users, hashes and more of the keys that a translator would accept. */
function load(args: string[], environment: Record<string, string> = {}) {
  const { values } = loadConfig({ settings: translatorSettings, args, environment });
  return assignUsers(values.apiKeys, values.userId).map((entry) => ({ ...entry, key: undefined }));
}
const flags = (...keys: string[]) => load(keys.flatMap((key) => ["--api-key", key]));

/** As the section `translator` of a file says. */
function file(yaml: string) {
  const path = join(folder, "mesh.yaml");
  writeFileSync(path, `translator:\n${yaml.replaceAll(/^/gm, "  ")}\n`);
  return load(["--config", path]);
}

describe("the user of a key", () => {
  test("is named before it, for a key and for a hash, as a flag, in the environment and in a file", () => {
    const wanted = [
      { userId: "alice", sha256: sha256("sk-cx-a") },
      { userId: "bob", sha256: hex },
    ];
    expect(flags("alice=sk-cx-a", `bob=sha256:${hex}`)).toMatchObject(wanted);
    expect(load([], { CXMPUTE_API_KEY: `alice=sk-cx-a,bob=SHA256:${hex.toUpperCase()}` })).toMatchObject(
      wanted,
    );
    expect(file(`api_keys: [alice=sk-cx-a, "bob=sha256:${hex}"]`)).toMatchObject(wanted);
    expect(file(`api-key:\n- {user: alice, key: sk-cx-a}\n- {user: bob, key_sha256: ${hex}}`)).toMatchObject(
      wanted,
    );
  });

  test("has a project and a role in a file", () => {
    expect(file("api_keys:\n- {user: alice, key: sk-cx-a, project: p1, role: operator}")).toMatchObject([
      { userId: "alice", projectId: "p1", role: "operator" },
    ]);
    expect(file("api_keys: {user: alice, key: sk-cx-a}")).toMatchObject([{ userId: "alice" }]);
  });

  test("may have several keys", () => {
    expect(flags("alice=sk-1", "alice=sk-2", "bob=sk-3").map(({ userId }) => userId)).toEqual([
      "alice",
      "alice",
      "bob",
    ]);
  });

  test("is `local` for a single key without a name, and its own for each of several", () => {
    expect(flags("sk-1")).toMatchObject([{ userId: "local" }]);
    const users = flags("sk-1", "sk-2", `sha256:${hex}`, "alice=sk-3").map(({ userId }) => userId);
    expect(users).toEqual([
      expect.stringMatching(/^key_[0-9a-f]{16}$/),
      expect.stringMatching(/^key_[0-9a-f]{16}$/),
      expect.stringMatching(/^key_[0-9a-f]{16}$/),
      "alice",
    ]);
    expect(new Set(users).size).toBe(4);
    // The same key is the same user beside whichever others.
    expect(flags("sk-2", "sk-9")[0]!.userId).toBe(users[1]);
  });

  test("is that of --user-id for those without a name", () => {
    expect(load(["--user-id", "team", "--api-key", "sk-1", "--api-key", "bob=sk-2"])).toMatchObject([
      { userId: "team" },
      { userId: "bob" },
    ]);
  });

  test("may be followed by a key that contains `=`", () => {
    expect(flags("alice=a=b==")).toMatchObject([{ userId: "alice", sha256: sha256("a=b==") }]);
  });
});

describe("what cannot be meant is refused before anything starts, and shows no key", () => {
  test.each([
    { keys: ["=sk-secret"], says: "no user before the key; write USER=KEY" },
    { keys: ["alice="], says: "no key after the first `=`" },
    { keys: ["c2VjcmV0LWtleS1pbi1iYXNlNjQ=="], says: "a key that contains `=` needs its user before it" },
    { keys: ["al ice=sk-secret"], says: "the user: expected 1 to 128 letters" },
    { keys: ["\u00e4=sk-secret"], says: "the user: expected 1 to 128 letters" },
    { keys: [`${"a".repeat(129)}=sk-secret`], says: "the user: expected 1 to 128 letters" },
    { keys: ["alice=sk secret"], says: "expected a key of letters, digits and signs, without spaces" },
    { keys: ["sk-s\u00e9cret"], says: "expected a key of letters" },
    { keys: ["sha256:secret"], says: "expected 64 hexadecimal digits after sha256:" },
    { keys: [`alice=sha256:${hex.slice(1)}`], says: "expected 64 hexadecimal digits after sha256:" },
    { keys: [`sha256:${hex}0`], says: "expected 64 hexadecimal digits after sha256:" },
    { keys: ["sk-secret", "sk-secret"], says: "key 2: the same key as key 1; every key belongs to one user" },
    { keys: ["a=sk-secret", "b=sk-secret"], says: "key 2: the same key as key 1" },
    { keys: ["a=sk-other", "a=sk-cx-hashed", `sha256:${hex}`], says: "key 3: the same key as key 2" },
  ])("$keys", ({ keys, says }) => {
    const message = (() => {
      try {
        return String(flags(...keys));
      } catch (error) {
        return (error as Error).message;
      }
    })();
    expect(message).toMatch(/^--api-key: /);
    expect(message).toContain(says);
    expect(message).not.toContain("secret");
  });

  test("keys outside of a section are told where they belong", () => {
    const path = join(folder, "flat.yaml");
    writeFileSync(path, "api_keys: [sk-secret]\n");
    expect(() => load(["--config", path])).toThrow(
      "flat.yaml:1 api_keys: unknown section; it is a setting, which belongs into the section translator",
    );
  });

  test.each([
    { yaml: "api_keys: [{key: sk-secret}]", says: "user is missing" },
    { yaml: "api_keys: [{user: '', key: sk-secret}]", says: "no user before the key" },
    { yaml: "api_keys: [{user: a}]", says: "expected either key or key_sha256" },
    {
      yaml: `api_keys: [{user: a, key: sk-secret, key_sha256: ${hex}}]`,
      says: "expected either key or key_sha256",
    },
    { yaml: "api_keys: [{user: a, key_sha256: secret}]", says: "expected 64 hexadecimal digits" },
    {
      yaml: "api_keys: [{user: a, keys: sk-secret}]",
      says: "unknown name keys; a key has user, key, key_sha256",
    },
    {
      yaml: "api_keys: [{user: a, key: sk-secret, role: root}]",
      says: "the role: expected operator, or none",
    },
    { yaml: "api_keys: [{user: a, key: sk-secret, project: ''}]", says: "the project is empty" },
    { yaml: "api_keys: [{user: 7, key: sk-secret}]", says: "user: expected text; put quotes around it" },
    { yaml: "api_keys: [{user: a, key: 12345678}]", says: "key: expected text; put quotes around it" },
    { yaml: "api_keys: [12345678]", says: "put quotes around it" },
    { yaml: "api_keys: [sk-a]\napi-key: [sk-secret]", says: "given twice: here, and at" },
  ])("$yaml", ({ yaml, says }) => {
    expect(() => file(yaml)).toThrow(says);
    expect(() => file(yaml)).toThrow(/mesh\.yaml:\d+ translator\.api[_-]key/);
    expect(() => file(yaml)).not.toThrow(/secret/);
  });
});
