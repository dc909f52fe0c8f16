import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { connect, type DetailedPeerCertificate, type TLSSocket } from "node:tls";
import { parseHostPort } from "../config/host-port.ts";
import { MeshError } from "../errors/mesh-error.ts";
import { authorityOf, fingerprintOf } from "./certificate.ts";

/** How long the first contact may take, in milliseconds. */
const contactLimitMs = 10_000;

/**
 * Gets the authority that a join token pins from a server's chain, as PEM. Sends nothing: only the pinned hash makes it
 * count. Throws `unauthenticated` for another authority, `node_lost` when no server there speaks TLS.
 */
export async function fetchAuthority(
  address: string,
  fingerprint: string,
  signal: AbortSignal,
  limitMs = contactLimitMs,
): Promise<string> {
  const chain = await showChain(address, signal, limitMs);
  const pinned = chain.find((certificate) => fingerprintOf(certificate) === fingerprint);
  if (pinned === undefined || chain[0] === undefined || authorityOf(chain[0], [pinned], chain) === undefined)
    throw new MeshError(
      "unauthenticated",
      `${address} is not the registry that the join token is for: its certificate comes from another CA. Check the address. If the mesh has new certificates, ask the operator for a new token.`,
      { code: "wrong_authority" },
    );
  return pinned.toString();
}

/** Whether a server at an address speaks TLS; false also when none answers in time. */
export async function speaksTls(
  address: string,
  signal: AbortSignal,
  limitMs = contactLimitMs,
): Promise<boolean> {
  return showChain(address, signal, limitMs).then(
    () => true,
    () => false,
  );
}

function showChain(address: string, signal: AbortSignal, limitMs: number): Promise<X509Certificate[]> {
  const target = parseHostPort(address);
  if (target === undefined)
    throw new MeshError("invalid_request", `${address} is not HOST:PORT.`, { param: "registry" });
  const { host, port } = target;
  return new Promise((resolve, reject) => {
    const fail = (why: string, cause?: unknown) => {
      socket.destroy();
      reject(new MeshError("node_lost", why, { cause }));
    };
    const socket: TLSSocket = connect({
      host,
      port,
      ALPNProtocols: ["h2"],
      // The caller checks the chain against its token.
      rejectUnauthorized: false,
      ...(isIP(host) === 0 ? { servername: host } : {}),
    });
    const abort = () => fail(`${address} was not asked to the end.`, signal.reason);
    socket.setTimeout(limitMs, () => fail(`${address} does not answer within ${limitMs / 1000} s.`));
    socket.on("error", (error: NodeJS.ErrnoException) =>
      fail(
        error.code?.startsWith("ERR_SSL") === true || error.code === "ECONNRESET"
          ? `${address} does not speak TLS, and a join token works only in a mesh that does: check the address, or join without a token.`
          : `${address} cannot be reached (${error.code ?? error.message}): check the address, and that the registry runs.`,
        error,
      ),
    );
    socket.on("secureConnect", () => {
      resolve(toChain(socket.getPeerCertificate(true)));
      socket.destroy();
    });
    socket.on("close", () => signal.removeEventListener("abort", abort));
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}

function toChain(certificate: DetailedPeerCertificate): X509Certificate[] {
  const chain: X509Certificate[] = [];
  const seen = new Set<DetailedPeerCertificate>();
  for (let at = certificate; at?.raw !== undefined && !seen.has(at); at = at.issuerCertificate) {
    seen.add(at);
    chain.push(new X509Certificate(at.raw));
  }
  return chain;
}
