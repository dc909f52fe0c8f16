import { protocol } from "../../../core/protocol.ts";
import { version } from "../places.ts";
import { type Check, type Finding, fault, ok } from "./check.ts";

/** The oldest Node.js that runs TypeScript as it is. */
export const oldestNode = 24;

/** The program, and the Node.js that runs it. */
export const checkProgram: Check = async () => [
  ok("cxmpute", `${version}, protocol version ${protocol.current}`),
  toNodeFinding(process.versions.node),
];

export function toNodeFinding(nodeVersion: string): Finding {
  const major = Number(nodeVersion.split(".")[0]);
  return major >= oldestNode
    ? ok("Node.js", nodeVersion)
    : fault(
        "Node.js",
        `${nodeVersion} is too old: ${oldestNode} or later is needed`,
        `Start with \`npm run cxmpute\` or the \`cxmpute\` command, which bring their own, or install Node.js ${oldestNode}.`,
      );
}
