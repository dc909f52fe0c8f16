import { execFileSync, spawnSync } from "node:child_process";
import { copyFile, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { loadConfig } from "../../core/config/load.ts";
import { createLog, silentLog } from "../../core/telemetry/log.ts";
import { FakeClock } from "../../test/support/core/fake-clock.ts";
import { followFiles, openAuthority, openCredentials } from "./credentials.ts";
import { warnIfOpen, withCredentials } from "./security.ts";
import { registrySettings, routerSettings } from "./settings/services.ts";
import type { TlsValues } from "./settings/tls.ts";
import { tls } from "./tls.ts";

let folder: string;
let made: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cxmpute-tls-"));
  made = join(folder, "made");
  await init(made);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** `cxmpute tls init`, and what it prints. */
async function init(path: string): Promise<string> {
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  try {
    await tls({ hosts: ["mesh.example"], days: 2 }, ["init", path]);
    return write.mock.calls.join("");
  } finally {
    write.mockRestore();
  }
}

function hasOpenSsl(): boolean {
  return spawnSync("openssl", ["version"]).status === 0;
}

const none: TlsValues = { tls: undefined, tlsCert: undefined, tlsKey: undefined, tlsCa: undefined };
const files = (certificate: string, key = certificate): TlsValues => ({
  tls: undefined,
  tlsCert: join(made, `${certificate}.pem`),
  tlsKey: join(made, `${key}.key`),
  tlsCa: join(made, "ca.pem"),
});

describe("cxmpute tls init", () => {
  test("makes files that are for their owner alone", async () => {
    for (const file of await readdir(made))
      expect([file, (await stat(join(made, file))).mode & 0o777]).toEqual([file, 0o600]);
  });

  test.skipIf(!hasOpenSsl())("makes certificates that OpenSSL finds right at its strictest", () => {
    const chains = ["registry", "router", "translator", "client", "admin", "node-ca"].map((name) =>
      join(made, `${name}.pem`),
    );
    const told = execFileSync("openssl", [
      "verify",
      "-x509_strict",
      "-CAfile",
      join(made, "ca.pem"),
      ...chains,
    ]);
    expect(told.toString().match(/: OK$/gm)).toHaveLength(chains.length);
  });

  test("shows the commands that use them", async () => {
    const text = await init(join(folder, "with space"));
    expect(text).toContain(`cxmpute registry --tls '${join(folder, "with space")}' --listen 0.0.0.0:50051`);
  });

  test("overwrites nothing", async () => {
    await expect(init(made)).rejects.toThrow(/ca\.pem exists, and existing files are never overwritten/);
  });

  test("says how it is used", async () => {
    await expect(tls({ hosts: [], days: 1 }, ["make"])).rejects.toThrow("usage: cxmpute tls init FOLDER");
  });
});

describe("credentials", () => {
  test("are found in the folder by what a process does", () => {
    for (const role of ["registry", "router", "translator", "admin", "client"] as const)
      expect(openCredentials({ ...none, tls: made }, [role])).toBeDefined();
    const authority = { certificate: join(made, "node-ca.pem"), privateKey: join(made, "node-ca.key") };
    expect(openAuthority(authority)).toBeDefined();
  });

  test("are none in a mesh in plain text", () => {
    expect(openCredentials(none, ["router"])).toBeUndefined();
  });

  test.each<[string, () => unknown, RegExp]>([
    [
      "a file that is not there",
      () => openCredentials(files("nothing"), ["router"]),
      /nothing\.pem: there is no such file\. `cxmpute tls init FOLDER` makes certificates\.$/,
    ],
    [
      "another service's certificate",
      () => openCredentials(files("translator"), ["router"]),
      /translator\.pem is for the translator, and this needs one for router \(spiffe:\/\/cxmpute-mesh\/service\/router\)$/,
    ],
    [
      "another certificate's key",
      () => openCredentials(files("router", "translator"), ["router"]),
      /translator\.key is not the key of the certificate in .*router\.pem/,
    ],
    [
      "an authority that is none",
      () => openAuthority({ certificate: join(made, "router.pem"), privateKey: join(made, "router.key") }),
      /router\.pem is not a CA certificate, so it cannot issue others/,
    ],
  ])("name %s as what is wrong", (_, attempt, message) => {
    expect(attempt).toThrow(message);
  });

  test("follow their files while a process runs, but not to what is wrong", async () => {
    const own = join(folder, "own");
    await init(own);
    const clock = new FakeClock();
    clock.wallTime = () => Date.now() + clock.now();
    const values = { ...none, tls: own };
    const credentials = openCredentials(values, ["router"])!;
    const before = credentials.current.certificate;
    const part = followFiles(credentials, values, ["router"], { clock, log: silentLog });
    await clock.advance(60_000);
    expect(credentials.current.certificate).toBe(before);

    await copyFile(join(made, "router.pem"), join(own, "router.pem"));
    await clock.advance(60_000);
    expect(credentials.current.certificate).toBe(before);

    for (const file of ["router.key", "ca.pem"]) await copyFile(join(made, file), join(own, file));
    await clock.advance(60_000);
    expect(credentials.current.certificate).not.toBe(before);
    await part.stop?.();
    expect(clock.pending).toBe(0);
  });
});

describe("a listener in plain text", () => {
  test.each([
    ["0.0.0.0:50051", "warn"],
    ["10.0.0.5:50051", "warn"],
    ["127.0.0.1:50051", undefined],
    ["[::1]:50051", undefined],
    ["localhost:50051", undefined],
  ])("on %s is worth the level %s in the log", (listen, level) => {
    const lines: string[] = [];
    const log = createLog({ service: "test", write: (line) => void lines.push(line) });
    warnIfOpen(listen, withCredentials(undefined), log);
    warnIfOpen(listen, withCredentials(openCredentials({ ...none, tls: made }, ["registry"])), log);
    expect(lines.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(
      level === undefined ? [] : [level],
    );
  });
});

describe("the settings", () => {
  const faultsOf = (settings: typeof routerSettings | typeof registrySettings, ...args: string[]) => {
    try {
      loadConfig({ settings: settings as typeof routerSettings, args, environment: {} });
    } catch (error) {
      return (error as Error).message;
    }
    return "";
  };

  test("take all three files or none", () => {
    expect(faultsOf(routerSettings, "--tls-cert", "a", "--tls-key", "b", "--tls-ca", "c")).toBe("");
    expect(faultsOf(routerSettings, "--tls-cert", "a", "--tls-key", "b")).toBe(
      "--tls-ca: required: --tls-cert, --tls-key and --tls-ca are given together, or none of them",
    );
    expect(faultsOf(routerSettings, "--tls", "folder", "--tls-ca", "c")).toBe(
      "--tls-ca: not together with --tls FOLDER, which sets all three: give one or the other",
    );
  });

  test("give identities out only over TLS, and only with certificate and key", () => {
    expect(faultsOf(registrySettings, "--node-ca-cert", "a", "--node-ca-key", "b")).toBe(
      "--node-ca-cert: only a registry with TLS issues identities: give --tls-cert, --tls-key and --tls-ca",
    );
    expect(faultsOf(registrySettings, "--tls", "folder", "--node-ca-cert", "a")).toBe(
      "--node-ca-key: required: --node-ca-cert and --node-ca-key are given together",
    );
  });
});
