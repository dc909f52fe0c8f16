import { UserFault } from "../../../core/lifecycle/user-fault.ts";

/** What can be wrong with a server that somebody has named: one line each, with what to do. */
export const serverFaults = {
  /** Nobody answers; by the system's code. */
  silent(url: string, code: string): UserFault {
    const why = reasons[code] ?? `it does not answer (${code})`;
    return new UserFault(`cannot use the server at ${url}: ${why}.`);
  },

  /** Somebody answers, but no engine; `answer` says what came. */
  stranger: (url: string, answer: string) =>
    new UserFault(
      `what answers at ${url} is neither Ollama nor a server with OpenAI's API: for ${url}/v1/models it gave ${answer}. Check port and path of --url.`,
    ),

  /** It asks for a key, or for another one. */
  key: (url: string, given: boolean) =>
    new UserFault(
      given
        ? `the server at ${url} refuses the key. Set CXMPUTE_ENGINE_KEY to the key that the server was started with.`
        : `the server at ${url} asks for a key. Set CXMPUTE_ENGINE_KEY to the key that the server was started with.`,
    ),

  /** `--only` names what nothing here has. */
  noSuchModel: (wanted: string, has: readonly string[]) =>
    new UserFault(
      `--only ${wanted}: nothing here has a model of that name. There is ${has.length === 0 ? "none" : listed(has)}.`,
    ),
} as const;

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there. Start the server, or check host and port of --url",
  ENOTFOUND: "there is no host of that name. Check the name in --url",
  EAI_AGAIN:
    "the name of its host cannot be looked up now. Check the name in --url and this machine's network",
  EHOSTUNREACH: "there is no way to its host. Check the address in --url and this machine's network",
  ENETUNREACH: "there is no way to its host. Check the address in --url and this machine's network",
  ECONNRESET: "it hangs up. Check whether --url needs https:// instead of http://, or the other way round",
  UND_ERR_SOCKET:
    "it hangs up. Check whether --url needs https:// instead of http://, or the other way round",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS. Use http:// instead of https:// in --url",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "it does not speak TLS. Use http:// instead of https:// in --url",
  DEPTH_ZERO_SELF_SIGNED_CERT:
    "its certificate is signed by nobody whom this machine trusts. Set NODE_EXTRA_CA_CERTS to the file of its authority",
  SELF_SIGNED_CERT_IN_CHAIN:
    "its certificate is signed by nobody whom this machine trusts. Set NODE_EXTRA_CA_CERTS to the file of its authority",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "its certificate is signed by nobody whom this machine trusts. Set NODE_EXTRA_CA_CERTS to the file of its authority",
  CERT_HAS_EXPIRED: "its certificate has expired. Renew it there, or check this machine's clock",
  BAD_PORT: "its port is one that no HTTP client connects to. Let the server listen on another one",
  TIMEOUT: "it took too long to answer. Check host and port of --url, and firewalls on the way",
};

/** The system's codes that are explained. */
export const silences: readonly string[] = Object.keys(reasons);

/** At most ten of them. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(", ");
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}
