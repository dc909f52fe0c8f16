import { MeshError } from "./errors/mesh-error.ts";

/** The versions of the mesh's protocol that a program speaks. */
export interface ProtocolRange {
  readonly current: number;
  readonly oldest: number;
}

/** What this program speaks. `current` grows when a process of the previous version could not work with this one. */
export const protocol: ProtocolRange = { current: 1, oldest: 1 };

/** `code` of the error of two processes without a common version. */
export const protocolCode = "protocol_version";

/** The two sides, in words such as `router`. */
export interface ProtocolParties {
  readonly other: string;
  readonly self: string;
}

/**
 * Why two processes cannot work together and which to update, the same on both sides; undefined when they can.
 * `reported` is the other side's range: undefined or 0 when it reports none.
 */
export function protocolFault(
  { other, self }: ProtocolParties,
  reported: ProtocolRange | undefined,
  range: ProtocolRange = protocol,
): string | undefined {
  const theirs = toRange(reported);
  if (theirs.current >= range.oldest && theirs.oldest <= range.current) return undefined;
  const ours = { who: self, range };
  const [older, newer] =
    theirs.current < range.current
      ? [{ who: other, range: theirs }, ours]
      : [ours, { who: other, range: theirs }];
  return `Update cxmpute on the ${older.who}: it speaks ${describe(older.range)} of the mesh's protocol, the ${newer.who} ${describe(newer.range)}.`;
}

/** Throws `invalid_request` with that fault, if any. */
export function demandProtocol(
  parties: ProtocolParties,
  reported: ProtocolRange | undefined,
  range: ProtocolRange = protocol,
): void {
  const fault = protocolFault(parties, reported, range);
  if (fault !== undefined) throw new MeshError("invalid_request", fault, { code: protocolCode });
}

function toRange(reported: ProtocolRange | undefined): ProtocolRange {
  const current = reported === undefined || reported.current === 0 ? 1 : reported.current;
  return { current, oldest: reported === undefined || reported.oldest === 0 ? current : reported.oldest };
}

const describe = ({ current, oldest }: ProtocolRange): string =>
  oldest === current ? `version ${current}` : `versions ${oldest} to ${current}`;
