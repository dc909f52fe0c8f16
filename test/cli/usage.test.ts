import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { commands } from "../../services/commands/catalogue.ts";
import { runCommandLine } from "../../services/commands/command-line.ts";
import { version } from "../../services/commands/places.ts";
import { cxmpute } from "../support/program.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cxmpute-cli-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs a command line to its end, in this process; the environment is that of a program in a test. */
async function said(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const texts = { stdout: "", stderr: "" };
  const output = {
    stdout: { write: (text: string) => (texts.stdout += text) },
    stderr: { write: (text: string) => (texts.stderr += text) },
  };
  const code = await runCommandLine(args, output, { CXMPUTE_LOG_FORMAT: "json", ...environment });
  return { code, stdout: texts.stdout.trimEnd(), stderr: texts.stderr.trimEnd() };
}

describe("cxmpute", () => {
  test.each([["--help"], ["-h"], ["help"], []])("with %s teaches what there is", async (...args) => {
    const { code, stdout, stderr } = await said(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const { settings } of commands) expect(stdout).toContain(`\n  ${settings.section} `);
    // What each of its three audiences types first.
    for (const example of ["cxmpute up", "cxmpute join --registry", "cxmpute registry"])
      expect(stdout).toContain(`\n  ${example}`);
  });

  test.each([
    { args: ["--version"], code: 0, stdout: `cxmpute ${version}`, stderr: "" },
    {
      args: ["router", "--listen", "8080"],
      code: 2,
      stdout: "",
      stderr: 'cxmpute router: --listen: expected HOST:PORT, such as 127.0.0.1:8080, got "8080"',
    },
  ])("$args, as a program, ends with what it prints and its exit code", async ({ args, ...ends }) => {
    const program = cxmpute(args);
    const { code } = await program.ended;
    expect({ code, stdout: program.stdout(), stderr: program.stderr() }).toEqual(ends);
    expect(await said(args)).toEqual(ends);
  });

  test.each(commands)(
    "$settings.section --help lists its settings with flag, variable and default",
    async (command) => {
      const { code, stdout } = await said([command.settings.section, "--log-level", "wrong", "--help"]);
      expect(code).toBe(0);
      expect(stdout).toContain(`Usage: cxmpute ${command.settings.section}`);
      for (const [key, { name, default: standing }] of Object.entries(command.settings.table)) {
        const shown = name ?? key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
        expect(stdout).toMatch(new RegExp(`^  --${shown} `, "m"));
        expect(stdout).toContain(`CXMPUTE_${shown.toUpperCase().replaceAll("-", "_")}`);
        if (typeof standing === "number") expect(stdout).toContain(`default ${standing}`);
      }
    },
  );

  test.each([
    {
      args: ["uup"],
      says: 'cxmpute: unknown command "uup"; did you mean "up"? cxmpute --help lists the commands.',
    },
    { args: ["wibble"], says: 'cxmpute: unknown command "wibble". cxmpute --help lists the commands.' },
    { args: ["--hepl"], says: 'cxmpute: unknown flag "--hepl". cxmpute --help lists the commands.' },
    {
      args: ["up", "--lissen", "a:1"],
      says: 'cxmpute up: --lissen: unknown flag; did you mean "--listen"?',
    },
    {
      args: ["nodes"],
      says: "cxmpute nodes: name the registry: --registry HOST:PORT. The one inside `cxmpute up` cannot be asked from outside; its only node is that process itself.",
    },
    {
      args: ["config", "ruter"],
      says: 'cxmpute: unknown command "ruter"; did you mean "router"? cxmpute --help lists the commands.',
    },
  ])("$args is refused in one line, with exit code 2", async ({ args, says }) => {
    expect(await said(args)).toEqual({ code: 2, stdout: "", stderr: says });
  });

  test("tells all faults of file, environment and flags at once", async () => {
    const file = join(folder, "faults.yaml");
    await writeFile(file, "router:\n  lissen: 1.2.3.4:5\nrooter:\n  listen: 1.2.3.4:5\n");
    const { code, stderr } = await said(["router", "--config", file, "--registry", "nowhere", "--wibble"], {
      CXMPUTE_GRACE: "soon",
      CXMPUTE_REGISTYR: "a:1",
    });
    expect(code).toBe(2);
    expect(stderr.split("\n")).toEqual([
      "cxmpute router: 6 settings are wrong:",
      `  ${file}:3 rooter: unknown section; did you mean "router"?`,
      `  ${file}:2 router.lissen: unknown setting; did you mean "listen"?`,
      '  CXMPUTE_REGISTYR: unknown variable; did you mean "CXMPUTE_REGISTRY"?',
      '  CXMPUTE_GRACE: expected a number from 0 to 86400, got "soon"',
      "  --wibble: unknown flag; --help lists the flags",
      '  --registry: expected HOST:PORT, such as 127.0.0.1:8080, got "nowhere"',
    ]);
  });

  test("config shows what is resolved and by whom, as YAML, without secrets", async () => {
    const file = join(folder, "mesh.yaml");
    await writeFile(file, "translator:\n  router: [10.0.0.1:50052, 10.0.0.2:50052]\n");
    const { code, stdout } = await said(["config", "translator", "--config", file, "--grace", "5"], {
      CXMPUTE_API_KEY: "sk-cx-s3cr3t-s3cr3t-s3cr3t",
    });
    expect(code).toBe(0);
    expect(stdout).not.toContain("s3cr3t");
    expect(stdout).toContain("grace: 5 # --grace");
    expect(stdout).toContain("listen: 127.0.0.1:8080 # default");
    expect(stdout).toContain(`# ${file}:2 translator.router`);
    expect(parse(stdout).translator).toMatchObject({
      router: ["10.0.0.1:50052", "10.0.0.2:50052"],
      "api-key": ["***"],
      "log-format": "json",
    });
  });

  test("config without a command shows all, and what it shows can be used as a file", async () => {
    const { stdout } = await said(["config"]);
    expect(Object.keys(parse(stdout))).toEqual(commands.map(({ settings }) => settings.section));
    const file = join(folder, "all.yaml");
    await writeFile(file, stdout);
    expect((await said(["config", "--config", file])).code).toBe(0);
  });
});
