import { z } from "zod";

/** A network address: a name or IP address, and a port. */
export interface HostPort {
  /** Without the brackets of IPv6. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/** `HOST:PORT`, with IPv6 addresses in brackets. */
export const hostPort = z
  .string()
  .refine((text) => parseHostPort(text) !== undefined, "expected HOST:PORT, such as 127.0.0.1:8080")
  .describe("HOST:PORT");

/** The parts of `HOST:PORT`; undefined for any other text. */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/i.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}

/** Whether only this machine can connect to `HOST:PORT`. */
export function isLoopback(text: string): boolean {
  const host = parseHostPort(text)?.host ?? "";
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** `HOST:PORT`, with brackets around IPv6. */
export const formatHostPort = ({ host, port }: HostPort): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
