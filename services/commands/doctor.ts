import { systemClock } from "../../core/clock.ts";
import type { Values } from "../../core/config/settings.ts";
import { CredentialsFault } from "../../core/identity/check-credentials.ts";
import { LiveCredentials } from "../../core/identity/credentials.ts";
import { exitCodes, UserFault } from "../../core/lifecycle/user-fault.ts";
import { padTo, widthOf, wrap } from "../../core/terminal.ts";
import { IdentityFolder } from "../inference/index.ts";
import { openCredentials } from "./credentials.ts";
import type { Check, Finding, Subject } from "./doctor/check.ts";
import { checkEngines } from "./doctor/engines.ts";
import { checkDataFolder, checkHardware, checkIdentity, checkProgram } from "./doctor/machine.ts";
import { checkRegistry, checkRouters } from "./doctor/services.ts";
import { withCredentials } from "./security.ts";
import type { doctorSettings } from "./settings/node.ts";
import { defaultRegistry, defaultRouter } from "./settings/parts.ts";

const checks: readonly Check[] = [
  checkProgram,
  checkHardware,
  checkDataFolder,
  checkIdentity,
  checkEngines,
  checkRegistry,
  checkRouters,
];

/** Checks this machine and its connection to the mesh; exit code 1 when something keeps it from serving. */
export async function doctor(values: Values<typeof doctorSettings>): Promise<number> {
  const subject = await toSubject(values);
  const ending = new AbortController();
  process.once("SIGINT", () => ending.abort());
  const findings = (await Promise.all(checks.map((check) => check(subject, ending.signal)))).flat();
  process.stdout.write(values.json ? `${JSON.stringify(findings, null, 2)}\n` : toReport(findings));
  return findings.some(({ status }) => status === "fault") ? exitCodes.failed : exitCodes.ok;
}

/** The report: each finding with what to do, and a verdict. */
export function toReport(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ name }) => widthOf(name)));
  const lines = findings.flatMap(({ name, status, says, cure }) => {
    const lead = `${status.padEnd(9)}${padTo(name, width)}  `;
    return [...wrap(says, lead), ...(cure === undefined ? [] : wrap(cure, `${" ".repeat(widthOf(lead))}→ `))];
  });
  return `${[...lines, "", toVerdict(findings)].join("\n")}\n`;
}

function toVerdict(findings: readonly Finding[]): string {
  const count = (status: Finding["status"]) => {
    const found = findings.filter((finding) => finding.status === status).length;
    return found === 0 ? [] : [`${found} ${status}${found === 1 ? "" : "s"}`];
  };
  const [fault] = count("fault");
  return fault === undefined
    ? `${["No faults", ...count("warning")].join(", ")}: \`cxmpute join\` can serve.`
    : `${[fault, ...count("warning")].join(", ")}: fix what is marked \`fault\` first.`;
}

async function toSubject(values: Values<typeof doctorSettings>): Promise<Subject> {
  const folder = new IdentityFolder(values.data);
  const [identity, config] = await Promise.all([
    orFault(() => folder.read(systemClock.wallTime())),
    orFault(() => folder.readConfig()),
  ]);
  const known = config === undefined || "fault" in config ? undefined : config;
  const kept = identity === undefined || "fault" in identity ? undefined : identity;
  const credentials =
    openCredentials(values, ["node"]) ??
    (kept === undefined ? undefined : new LiveCredentials(kept.credentials));
  return {
    dataFolder: values.data,
    registry: values.registry ?? known?.registry ?? defaultRegistry,
    routers: values.routers.length > 0 ? values.routers : (known?.routers ?? [defaultRouter]),
    security: withCredentials(credentials),
    identity,
    url: values.url,
    engineKey: values.engineKey,
    models: values.models,
  };
}

async function orFault<T>(read: () => Promise<T>): Promise<T | { readonly fault: string }> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof CredentialsFault || error instanceof UserFault) return { fault: error.message };
    throw error;
  }
}
