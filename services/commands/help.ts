import { describeSettings } from "../../core/config/describe.ts";
import { toFlag } from "../../core/config/settings.ts";
import { type Command, commands, configSummary } from "./catalogue.ts";
import { version } from "./places.ts";

/** The text of `cxmpute --help`. */
export function overview(): string {
  const rows = [
    ...commands.map(({ settings, summary }) => [settings.section, summary] as const),
    ["config", configSummary] as const,
  ];
  return `cxmpute ${version}: one OpenAI-compatible endpoint in front of many machines run by independent providers.

Usage: cxmpute COMMAND [SETTINGS]

Commands:
${rows.map(([name, summary]) => `  ${name.padEnd(12)}${summary}`).join("\n")}

If you write applications, start a mesh and point any OpenAI SDK at it:
  cxmpute up
  cxmpute chat

If you have a machine to offer, join a mesh; no open port is needed:
  cxmpute join --token cxj_...
  cxmpute join --registry HOST:50051 --router HOST:50052
  cxmpute doctor --registry HOST:50051 --router HOST:50052

If you operate a mesh, run its services separately:
  cxmpute registry
  cxmpute router --registry HOST:50051
  CXMPUTE_API_KEY=sk-cx-... cxmpute translator --router HOST:50052

If others may join it, first give its services certificates, and each machine a token:
  cxmpute tls init FOLDER
  cxmpute token create --tls FOLDER --registry HOST:50051 --router HOST:50052

\`cxmpute COMMAND --help\` lists the settings of a command. Each can be set in a YAML file (${toFlag("config")} FILE),
in the environment (CXMPUTE_...) or on the command line; later ones override earlier ones.
\`cxmpute config COMMAND\` shows the effective values and their sources. ${toFlag("version")} prints the version.
`;
}

/** The text of `cxmpute COMMAND --help`. */
export function commandHelp({ settings, summary, about, words = [] }: Command): string {
  const usage = ["cxmpute", settings.section, ...words.map((word) => `[${word}]`), "[SETTINGS]"].join(" ");
  return `${summary}

Usage: ${usage}

${about}

Settings:
${describeSettings(settings)}`;
}

/** The text of `cxmpute config --help`. */
export function configHelp(): string {
  return `${configSummary}

Usage: cxmpute config [COMMAND] [SETTINGS OF THAT COMMAND]

Prints YAML that can be used as a configuration file; secrets are masked. Without a command, it prints all commands.

Examples:
  cxmpute config up
  cxmpute config router --config mesh.yaml --listen 0.0.0.0:50052
  cxmpute config > mesh.yaml
`;
}
