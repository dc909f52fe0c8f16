import { X509Certificate } from "node:crypto";
import { createClient, type Transport } from "@connectrpc/connect";
import { Backoff } from "../../../core/backoff.ts";
import { type Clock, sleep } from "../../../core/clock.ts";
import { toMeshError } from "../../../core/errors/mesh-error.ts";
import { toUtc } from "../../../core/identity/certificate.ts";
import type { LiveCredentials } from "../../../core/identity/credentials.ts";
import { within } from "../../../core/streams/within.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import { IdentityService } from "../../../gen/cxmpute/registry/v1/identity_pb.ts";
import type { IdentityFolder } from "./identity-folder.ts";

interface RenewalOptions {
  readonly credentials: LiveCredentials;
  readonly folder: Pick<IdentityFolder, "keepCertificate">;
  readonly registry: Transport;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

/** The longest sleep between looks at the time, in milliseconds: machines suspend and clocks are set. */
const lookMs = 60 * 60_000;
/** The shortest time between renewals, in milliseconds. */
const pauseMs = 1000;
/** How long the registry may take to answer, in milliseconds. */
const answerLimitMs = 10_000;
/** Waits between attempts. */
const retry = { firstMs: 10_000, limitMs: 60 * 60_000 } as const;

/** Renews a node's certificate after half its life, until the signal aborts or the registry has revoked the node. */
export async function keepRenewed(options: RenewalOptions, signal: AbortSignal): Promise<void> {
  const { credentials, folder, registry, clock, random, log } = options;
  const client = createClient(IdentityService, registry);
  const backoff = new Backoff({ ...retry, random });
  let failed = false;
  while (!signal.aborted) {
    const dueInMs = halfLife(credentials) - clock.wallTime();
    const waitMs = failed ? backoff.next() : Math.min(Math.max(dueInMs, pauseMs), lookMs);
    await sleep(clock, waitMs, signal).catch(() => {});
    if (signal.aborted) return;
    if (!failed && dueInMs > waitMs) continue;
    try {
      const answer = await within(clock, answerLimitMs, signal, (limit) =>
        client.renewIdentity({}, { signal: limit }),
      );
      const { certificate, authorities } = answer;
      await folder.keepCertificate({ certificate, authorities });
      credentials.replace({ certificate, authorities, privateKey: credentials.current.privateKey });
      backoff.reset();
      failed = false;
      log.info({ until: toUtc(new X509Certificate(certificate).validToDate) }, "identity renewed");
    } catch (thrown) {
      if (signal.aborted) return;
      const error = toMeshError(thrown);
      if (error.code === "node_revoked") {
        log.error({ reason: error.message }, "this node was removed from the mesh");
        return;
      }
      const until = toUtc(new X509Certificate(credentials.current.certificate).validToDate);
      log.warn({ reason: error.message, until }, "identity renewal failed; retrying");
      failed = true;
    }
  }
}

/** In milliseconds since 1970. */
function halfLife({ current }: LiveCredentials): number {
  const { validFromDate, validToDate } = new X509Certificate(current.certificate);
  return (validFromDate.getTime() + validToDate.getTime()) / 2;
}
