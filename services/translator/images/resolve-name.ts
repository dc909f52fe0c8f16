import { Resolver } from "node:dns/promises";

/** The addresses of a host name, IPv4 first; none when it has none or they cannot be found out. */
export type ResolveName = (name: string, signal: AbortSignal) => Promise<readonly string[]>;

/**
 * Asks the DNS servers of this machine, and them alone: names of `/etc/hosts` and of the local network are not for
 * callers. Not `dns.lookup`, which cannot be given up and holds one of the four threads that files are read with.
 */
export const resolveName: ResolveName = async (name, signal) => {
  signal.throwIfAborted();
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  const cancel = () => resolver.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  try {
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    return answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  } finally {
    signal.removeEventListener("abort", cancel);
  }
};
