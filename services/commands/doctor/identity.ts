import { type Check, type Finding, fault, ok, warning } from "./check.ts";

/** Nodes renew themselves while they run; one that is so close to its end has not run for long, in milliseconds. */
const soonMs = 3 * 24 * 3_600_000;

/** Who this machine is in its mesh. */
export const checkIdentity: Check = async ({ identity }) => {
  if (identity === undefined)
    return [
      ok("Identity", "none is kept: this machine joins a mesh in plain text, or needs a join token first"),
    ];
  if ("fault" in identity)
    return [
      fault(
        "Identity",
        identity.fault,
        "Ask the mesh's operator for a join token and run `cxmpute join --token TOKEN`.",
      ),
    ];
  return [toTermFinding(identity.nodeId, identity.certificate.validToDate.getTime() - Date.now())];
};

/** `leftMs`: how long the certificate is valid from now. */
export function toTermFinding(nodeId: string, leftMs: number): Finding {
  const left =
    leftMs > 48 * 3_600_000
      ? `${Math.floor(leftMs / 86_400_000)} days`
      : `${Math.floor(leftMs / 3_600_000)} hours`;
  const says = `node ${nodeId}, whose certificate is valid for ${left} more`;
  return leftMs < soonMs
    ? warning("Identity", says, "Run `cxmpute join` before then: it renews the certificate by itself.")
    : ok("Identity", says);
}
