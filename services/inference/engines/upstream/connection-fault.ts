/** How a connection failed, in words for the provider. */
export interface ConnectionFault {
  /** Whether the connection stood before it broke: the server may be well and only that connection gone. */
  readonly broke: boolean;
  /** Why, in a few words that may end a sentence: `connection refused`, `no machine of that name`, … */
  readonly reason: string;
  /** Whole sentences: what is wrong, where, and what to do. */
  readonly words: string;
}

/**
 * Reads what `fetch`, or reading a body, has thrown. `fetch` itself only says that it failed and hides the reason in
 * causes, several of them where a name has two addresses. `base` names the server.
 */
export function readConnectionFault(thrown: unknown, base: string): ConnectionFault {
  const codes = codesOf(thrown);
  const row = rows.find(({ when }) => codes.some((code) => when.test(code)));
  if (row !== undefined) return { broke: row.broke ?? false, reason: row.reason, words: row.words(base) };
  const code = codes.at(-1);
  return {
    broke: false,
    reason: code === undefined ? "the connection failed" : `the connection failed with ${code}`,
    words: `Talking to ${base} failed${code === undefined ? "" : ` (${code})`}.`,
  };
}

const unknownName = (base: string): string =>
  `The name in ${base} is not known. Check the spelling of the address and this machine's DNS.`;
const outOfReach = (base: string): string =>
  `${base} cannot be reached from this machine. Check the address, and the firewall between the two.`;
const untrusted = (base: string): string =>
  `This machine does not trust the certificate of ${base}. Give the name that the certificate is for, or let Node know its authority through NODE_EXTRA_CA_CERTS.`;
const silent = (base: string): string =>
  `The server at ${base} was silent for five minutes. Look into its own log for the reason.`;

/** What the codes of Node, OpenSSL and undici mean; the first row that fits. */
const rows: readonly {
  readonly when: RegExp;
  readonly broke?: boolean;
  readonly reason: string;
  readonly words: (base: string) => string;
}[] = [
  {
    when: /^ECONNREFUSED$/,
    reason: "connection refused",
    words: (base) => `Nothing answers at ${base}. Start the server there, or give the address where it is.`,
  },
  { when: /^ENOTFOUND$/, reason: "no machine of that name", words: unknownName },
  { when: /^EAI_AGAIN$/, reason: "the name cannot be looked up now", words: unknownName },
  { when: /^EHOSTUNREACH$/, reason: "no route to that machine", words: outOfReach },
  { when: /^ENETUNREACH$/, reason: "no route to that network", words: outOfReach },
  { when: /^(ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT)$/, reason: "no answer in time", words: outOfReach },
  {
    when: /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|^EPROTO$/,
    reason: "it does not speak TLS; try http instead of https",
    words: (base) => `${base} does not speak TLS. Give the address with http:// instead of https://.`,
  },
  { when: /^CERT_HAS_EXPIRED$/, reason: "its certificate has expired", words: untrusted },
  {
    when: /CERT|SELF_SIGNED|UNABLE_TO_|^ERR_TLS|^ERR_SSL/,
    reason: "its certificate is not trusted here",
    words: untrusted,
  },
  {
    when: /^HPE_|^HTTPParserError$/,
    reason: "it does not speak HTTP",
    words: (base) =>
      `What answers at ${base} does not speak HTTP. Check the port, and whether it wants https://.`,
  },
  {
    when: /^(ECONNRESET|EPIPE|UND_ERR_SOCKET|ERR_STREAM_PREMATURE_CLOSE)$/,
    broke: true,
    reason: "it closed the connection",
    words: (base) => `The server at ${base} broke the connection. Look into its own log for the reason.`,
  },
  { when: /^UND_ERR_HEADERS_TIMEOUT$/, reason: "no answer in time", words: silent },
  { when: /^UND_ERR_BODY_TIMEOUT$/, reason: "it fell silent", words: silent },
];

/** The codes of an error, then those of its causes and of their parts: a host with several addresses has one for each. */
function codesOf(error: unknown, depth = 0): string[] {
  if (typeof error !== "object" || error === null || depth > 4) return [];
  const { code, name, cause, errors } = error as Readonly<Record<string, unknown>>;
  const parts = [cause, ...(Array.isArray(errors) ? errors : [])];
  // The parser of HTTP gives no code for an answer that is none.
  const own = typeof code === "string" ? [code] : name === "HTTPParserError" ? [name] : [];
  return [...own, ...parts.flatMap((part) => codesOf(part, depth + 1))];
}
