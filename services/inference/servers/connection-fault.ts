/** How a connection failed. */
export interface ConnectionFault {
  /** Whether it broke after it was established: the server may be well. */
  readonly broke: boolean;
  /** Whether it timed out: a server may be there, and busy. */
  readonly isLate: boolean;
  /** The reason, after a colon: `nothing listens there`. */
  readonly why: string;
  /** The reason and what to do, as the end of a sentence and one more. */
  readonly advice: string;
}

/** A connection that timed out. */
export class TooLate extends Error {
  readonly code = "TIMEOUT";
}

/** Reads an error of `fetch` or of reading a body; the reason may be deep in its causes. */
export function readConnectionFault(thrown: unknown): ConnectionFault {
  const codes = codesOf(thrown);
  const row = rows.find(({ when }) => codes.some((code) => when.test(code)));
  if (row !== undefined) {
    const { why, cure, broke = false, isLate = false } = row;
    return { broke, isLate, why, advice: `${why}. ${cure}.` };
  }
  const code = codes.at(-1);
  const why = `the connection failed${code === undefined ? "" : ` with ${code}`}`;
  return { broke: false, isLate: false, why, advice: `${why}.` };
}

/** Fetches without redirects, which would carry a key elsewhere; retries a broken kept connection once. */
export const fetchOrRetry = (url: string, init: RequestInit): Promise<Response> => {
  const once = () => fetch(url, { ...init, redirect: "manual" });
  return once().catch((error: unknown) => {
    init.signal?.throwIfAborted();
    if (!readConnectionFault(error).broke) throw error;
    return once();
  });
};

/** Why a server cannot be used, for its provider. */
export const cannotUse = (url: string, { advice }: ConnectionFault): string =>
  `cannot use the server at ${url}: ${advice}`;

/** Codes of Node, OpenSSL and undici; the first match counts. */
const rows: readonly {
  readonly when: RegExp;
  readonly broke?: true;
  readonly isLate?: true;
  readonly why: string;
  readonly cure: string;
}[] = [
  {
    when: /^ECONNREFUSED$/,
    why: "nothing listens there",
    cure: "Start the server, or check host and port of --url",
  },
  {
    when: /^ENOTFOUND$/,
    why: "there is no host of that name",
    cure: "Check the name in --url",
  },
  {
    when: /^EAI_AGAIN$/,
    why: "the name of its host cannot be looked up now",
    cure: "Check the name in --url and this machine's network",
  },
  {
    when: /^(EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN)$/,
    why: "its host cannot be reached",
    cure: "Check the address in --url and this machine's network",
  },
  {
    when: /^(TIMEOUT|ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT)$/,
    isLate: true,
    why: "it took too long to answer",
    cure: "Check whether it is still loading, host and port of --url, and firewalls on the way",
  },
  {
    when: /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|^EPROTO$/,
    why: "it does not speak TLS",
    cure: "Use http:// instead of https:// in --url",
  },
  {
    when: /^CERT_HAS_EXPIRED$/,
    why: "its certificate has expired",
    cure: "Renew it there, or check this machine's clock",
  },
  {
    when: /CERT|SELF_SIGNED|UNABLE_TO_|^ERR_TLS|^ERR_SSL/,
    why: "this machine does not trust its certificate",
    cure: "Use the name that the certificate is for, or set NODE_EXTRA_CA_CERTS to the file of its authority",
  },
  {
    when: /^HPE_|^HTTPParserError$/,
    why: "it does not speak HTTP",
    cure: "Check the port in --url, and whether it needs https://",
  },
  {
    when: /^(ECONNRESET|EPIPE|UND_ERR_SOCKET|ERR_STREAM_PREMATURE_CLOSE)$/,
    broke: true,
    why: "it closed the connection",
    cure: "Check whether --url needs https:// instead of http://, and check the server's log",
  },
  {
    when: /^UND_ERR_(HEADERS|BODY)_TIMEOUT$/,
    why: "it fell silent",
    cure: "Check the server's log",
  },
  {
    when: /^bad port$/,
    why: "its port is one that no HTTP client connects to",
    cure: "Use another port for the server",
  },
];

/** The codes of an error, its causes and their parts. */
function codesOf(error: unknown, depth = 0): string[] {
  if (typeof error !== "object" || error === null || depth > 4) return [];
  const { code, name, message, cause, errors } = error as Readonly<Record<string, unknown>>;
  const parts = [cause, ...(Array.isArray(errors) ? errors : [])];
  // The HTTP parser and undici's refused ports have no code.
  const words = [name, message].filter((word) => word === "HTTPParserError" || word === "bad port");
  const own = [code, ...words].filter((word) => typeof word === "string");
  return [...own, ...parts.flatMap((part) => codesOf(part, depth + 1))];
}
