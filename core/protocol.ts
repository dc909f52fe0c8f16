import { MeshError } from "./errors/mesh-error.ts";

/** Versions of the protocol between the processes of a mesh that one program speaks. */
export interface ProtocolRange {
  /** The newest. */
  readonly current: number;
  /** The oldest. */
  readonly oldest: number;
}

/**
 * What this program speaks. `current` grows when a process of the version before could not work with this one;
 * fields and calls that an older one may leave out are no such change.
 */
export const protocol: ProtocolRange = { current: 1, oldest: 1 };

/** `code` of the error that says: these two processes have no version in common. */
export const protocolCode = "protocol_version";

/** Who meets whom, in words such as `router`. */
export interface ProtocolParties {
  readonly other: string;
  readonly self: string;
}

/**
 * Why two processes cannot work together, and which of them to update; undefined when they have a version in common.
 * Both sides say the same, whichever finds it out. `told` is what the other one says of itself: undefined, or 0, for
 * nothing.
 */
export function protocolFault(
  { other, self }: ProtocolParties,
  told: ProtocolRange | undefined,
  range: ProtocolRange = protocol,
): string | undefined {
  const theirs = toRange(told);
  if (theirs.current >= range.oldest && theirs.oldest <= range.current) return undefined;
  const ours = { who: self, range };
  const [older, newer] =
    theirs.current < range.current
      ? [{ who: other, range: theirs }, ours]
      : [ours, { who: other, range: theirs }];
  return `Update cxmpute on the ${older.who}: it speaks ${describe(older.range)} of the mesh's protocol, the ${newer.who} ${describe(newer.range)}.`;
}

/** Throws `invalid_request` with that fault, if there is one. */
export function demandProtocol(
  parties: ProtocolParties,
  told: ProtocolRange | undefined,
  range: ProtocolRange = protocol,
): void {
  const fault = protocolFault(parties, told, range);
  if (fault !== undefined) throw new MeshError("invalid_request", fault, { code: protocolCode });
}

/** A process that tells nothing was made before there were several versions; one that tells a single one has no other. */
function toRange(told: ProtocolRange | undefined): ProtocolRange {
  const current = told === undefined || told.current === 0 ? 1 : told.current;
  return { current, oldest: told === undefined || told.oldest === 0 ? current : told.oldest };
}

const describe = ({ current, oldest }: ProtocolRange): string =>
  oldest === current ? `version ${current}` : `versions ${oldest} to ${current}`;
