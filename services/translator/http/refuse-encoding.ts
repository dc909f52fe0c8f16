import type { FastifyRequest } from "fastify";
import { wrongContentEncoding } from "../errors/http-faults.ts";

/** Nobody sends a compressed prompt, and a small body that unfolds to gigabytes is an attack. */
export async function refuseEncoding({ headers }: FastifyRequest): Promise<void> {
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") throw wrongContentEncoding(encoding);
}
