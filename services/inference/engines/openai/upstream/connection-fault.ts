/** How a connection failed, in words for the provider: what is wrong, where, and what to do. */
export interface ConnectionFault {
  /** Whether the connection stood before it broke: the server may be well and only that connection gone. */
  readonly broke: boolean;
  readonly words: string;
}

/** Reads what `fetch`, or reading a body, has thrown. `base` names the server. */
export function readConnectionFault(thrown: unknown, base: string): ConnectionFault {
  const code = codeOf(thrown);
  const row = rows.find(({ codes }) => codes.test(code));
  return {
    broke: row?.broke ?? false,
    words: row?.words(base) ?? `Talking to ${base} failed${code === "" ? "" : ` (${code})`}.`,
  };
}

const rows: readonly {
  readonly codes: RegExp;
  readonly broke?: boolean;
  readonly words: (base: string) => string;
}[] = [
  {
    codes: /^ECONNREFUSED$/,
    words: (base) => `Nothing answers at ${base}. Start the server there, or give the address where it is.`,
  },
  {
    codes: /^(ENOTFOUND|EAI_AGAIN)$/,
    words: (base) =>
      `The name in ${base} is not known. Check the spelling of the address and this machine's DNS.`,
  },
  {
    codes: /^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/,
    words: (base) =>
      `${base} cannot be reached from this machine. Check the address, and the firewall between the two.`,
  },
  {
    codes: /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|^EPROTO$/,
    words: (base) => `${base} does not speak TLS. Give the address with http:// instead of https://.`,
  },
  {
    codes: /CERT|SELF_SIGNED|UNABLE_TO_|^ERR_TLS|^ERR_SSL/,
    words: (base) =>
      `This machine does not trust the certificate of ${base}. Give the name that the certificate is for, or let Node know its authority through NODE_EXTRA_CA_CERTS.`,
  },
  {
    codes: /^HPE_|^HTTPParserError$/,
    words: (base) =>
      `What answers at ${base} does not speak HTTP. Check the port, and whether it wants https://.`,
  },
  {
    codes: /^(ECONNRESET|EPIPE|UND_ERR_SOCKET|ERR_STREAM_PREMATURE_CLOSE)$/,
    broke: true,
    words: (base) => `The server at ${base} broke the connection. Look into its own log for the reason.`,
  },
  {
    codes: /^UND_ERR_(HEADERS|BODY)_TIMEOUT$/,
    words: (base) =>
      `The server at ${base} was silent for five minutes. Look into its own log for the reason.`,
  },
];

/** The code of the innermost cause that has one. */
function codeOf(thrown: unknown): string {
  let code = "";
  for (let error = thrown; error instanceof Error; error = error.cause) {
    const own = (error as { readonly code?: unknown }).code;
    if (typeof own === "string") code = own;
    // The parser of HTTP gives no code for an answer that is none.
    else if (error.name === "HTTPParserError") code = error.name;
    // A host with several addresses fails with one error for each.
    const [first] = error instanceof AggregateError ? error.errors : [];
    if (code === "" && first !== undefined) code = codeOf(first);
  }
  return code;
}
