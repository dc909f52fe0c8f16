import { type Check, type Finding, fault, ok, warning } from "./check.ts";

/** Running nodes renew their certificates; one this close to its end, in milliseconds, has not run for long. */
const soonMs = 3 * 24 * 3_600_000;

/** This machine's identity in its mesh. */
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

/** `leftMs`: the remaining term of the certificate. */
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
