import { UserFault } from "./user-fault.ts";

/**
 * Why a server cannot listen, with what to do; an error without the system's code is returned unchanged. Libraries put
 * the code in a field, in the text or in a cause.
 */
export function toListenFault(error: unknown, address: string, flag = "--listen"): unknown {
  const code = systemCodeOf(error);
  const explain = code === undefined ? undefined : explanations[code];
  return explain === undefined ? error : new UserFault(explain(address, flag), { cause: error });
}

const explanations: Record<string, (address: string, flag: string) => string> = {
  EADDRINUSE: (address, flag) =>
    `${address} is already in use: another program listens there. Stop it, or choose another address with ${flag} HOST:PORT.`,
  EACCES: (address, flag) =>
    `${address}: the system does not allow this user to listen there; ports below 1024 need a privilege. Choose another port with ${flag} HOST:PORT.`,
  EADDRNOTAVAIL: (address, flag) =>
    `${address} is not an address of this machine, so nothing can listen there. Choose one of its own, 127.0.0.1 or 0.0.0.0 with ${flag} HOST:PORT.`,
  ENOTFOUND: noSuchHost,
  EAI_AGAIN: noSuchHost,
};

function noSuchHost(address: string, flag: string): string {
  return `${address}: there is no host of that name. Choose an address of this machine with ${flag} HOST:PORT.`;
}

function systemCodeOf(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const { code, message } = at as NodeJS.ErrnoException;
    // grpc-js has its own wording for this one.
    if (message.includes("Name resolution failed")) return "ENOTFOUND";
    const found = [code, ...(message.match(/\bE[A-Z]{3,}(?:_[A-Z]+)?\b/g) ?? [])].find(
      (candidate) => candidate !== undefined && candidate in explanations,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}
