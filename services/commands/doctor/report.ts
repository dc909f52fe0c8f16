import { padTo, widthOf, wrap } from "../../../core/terminal.ts";
import type { Finding } from "./check.ts";

/** The report: each finding with what to do, and a summary. */
export function toReport(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ name }) => widthOf(name)));
  const lines = findings.flatMap(({ name, status, says, cure }) => {
    const lead = `${status.padEnd(9)}${padTo(name, width)}  `;
    return [...wrap(says, lead), ...(cure === undefined ? [] : wrap(cure, `${" ".repeat(widthOf(lead))}→ `))];
  });
  return `${[...lines, "", toVerdict(findings)].join("\n")}\n`;
}

function toVerdict(findings: readonly Finding[]): string {
  const count = (wanted: Finding["status"]) => findings.filter(({ status }) => status === wanted).length;
  const faults = count("fault");
  const warnings = count("warning");
  const noted = warnings === 0 ? "" : `${warnings} ${warnings === 1 ? "warning" : "warnings"}`;
  if (faults === 0)
    return noted === ""
      ? "No faults: `cxmpute join` can serve."
      : `No faults, ${noted}: \`cxmpute join\` can serve.`;
  return `${faults} ${faults === 1 ? "fault" : "faults"}${noted === "" ? "" : `, ${noted}`}: fix what is marked \`fault\` first.`;
}
