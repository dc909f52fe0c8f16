export type { Finding } from "./finding.ts";
export type { Findings, ProbeName } from "./probe.ts";
export { type ProbeOptions, withProbes } from "./with-probes.ts";
