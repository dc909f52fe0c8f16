/** How a connection failed. */
export interface ConnectionFault {
  /** Whether the connection stood before it broke: the server may be well and only that connection gone. */
  readonly broke: boolean;
  /** Whether time ran out: something may be there, and busy. */
  readonly isLate: boolean;
  /** Why, in words that follow a colon: `nothing listens there`. */
  readonly why: string;
  /** The whole of it for the provider, as the end of a sentence and one more: why, and what to do. */
  readonly advice: string;
}

/** A connection that brought nothing within the time that it was given. */
export class TooLate extends Error {
  readonly code = "TIMEOUT";
}

/**
 * Reads what `fetch`, or reading a body, has thrown. `fetch` itself only says that it failed and hides the reason in
 * causes, several of them where a name has two addresses.
 */
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

/** What a provider is told of a server that cannot be used for that reason. */
export const cannotUse = (url: string, { advice }: ConnectionFault): string =>
  `cannot use the server at ${url}: ${advice}`;

/** What the codes of Node, OpenSSL and undici mean; the first row that fits. */
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
    cure: "Check whether --url needs https:// instead of http://, and look into the server's own log",
  },
  {
    when: /^UND_ERR_(HEADERS|BODY)_TIMEOUT$/,
    why: "it fell silent",
    cure: "Look into the server's own log for the reason",
  },
  {
    when: /^bad port$/,
    why: "its port is one that no HTTP client connects to",
    cure: "Let the server listen on another one",
  },
];

/** The codes of an error, then those of its causes and of their parts: a host with several addresses has one for each. */
function codesOf(error: unknown, depth = 0): string[] {
  if (typeof error !== "object" || error === null || depth > 4) return [];
  const { code, name, message, cause, errors } = error as Readonly<Record<string, unknown>>;
  const parts = [cause, ...(Array.isArray(errors) ? errors : [])];
  // The parser of HTTP gives no code for an answer that is none, nor does undici for a port that it refuses.
  const own = [code, name, message].filter(
    (word) =>
      typeof word === "string" && (word === code || word === "HTTPParserError" || word === "bad port"),
  ) as string[];
  return [...own, ...parts.flatMap((part) => codesOf(part, depth + 1))];
}
