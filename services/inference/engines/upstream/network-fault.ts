/**
 * Why a request of `fetch` came to nothing, in a few words: `connection refused`, `no machine of that name`, … `fetch`
 * itself only says that it failed and hides the reason in causes, several of them where a name has two addresses.
 */
export function networkFault(error: unknown): string {
  const codes = codesOf(error);
  for (const [code, words] of Object.entries(wordsOf)) if (codes.has(code)) return words;
  const [code] = codes;
  return code === undefined ? "the connection failed" : `the connection failed with ${code}`;
}

const wordsOf: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ENOTFOUND: "no machine of that name",
  EAI_AGAIN: "the name cannot be looked up now",
  EHOSTUNREACH: "no route to that machine",
  ENETUNREACH: "no route to that network",
  ETIMEDOUT: "no answer in time",
  UND_ERR_CONNECT_TIMEOUT: "no answer in time",
  UND_ERR_HEADERS_TIMEOUT: "no answer in time",
  UND_ERR_BODY_TIMEOUT: "it fell silent",
  ECONNRESET: "it closed the connection",
  EPIPE: "it closed the connection",
  UND_ERR_SOCKET: "it closed the connection",
  HPE_INVALID_CONSTANT: "it does not speak HTTP",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS; try http instead of https",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is not trusted here",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is not trusted here",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is not trusted here",
  CERT_HAS_EXPIRED: "its certificate has expired",
};

/** The codes of an error, its causes and their parts. */
function codesOf(error: unknown, found = new Set<string>(), depth = 0): Set<string> {
  if (typeof error !== "object" || error === null || depth > 4) return found;
  const { code, cause, errors } = error as { code?: unknown; cause?: unknown; errors?: unknown };
  if (typeof code === "string") found.add(code);
  codesOf(cause, found, depth + 1);
  if (Array.isArray(errors)) for (const part of errors) codesOf(part, found, depth + 1);
  return found;
}
