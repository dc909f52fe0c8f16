/** Versions of the protocol between the processes of a mesh that one program understands. */
export interface ProtocolRange {
  /** What it speaks itself. */
  readonly current: number;
  /** The oldest that it still understands. */
  readonly oldest: number;
}

/**
 * What this program speaks. `current` grows when a process of the version before could not work with this one;
 * fields and calls that an older one may leave out are no such change.
 */
export const protocol: ProtocolRange = { current: 1, oldest: 1 };

/** A process that does not tell its version was made before there were several. */
const untold = 1;

/** Why two processes cannot work together; undefined when they can. `told` is what the other one says, 0 for nothing. */
export function protocolFault(
  parties: { readonly other: string; readonly self: string },
  told: number,
  range: ProtocolRange = protocol,
): string | undefined {
  const version = told === 0 ? untold : told;
  const { other, self } = parties;
  const { current, oldest } = range;
  const ours = oldest === current ? `version ${current}` : `versions ${oldest} to ${current}`;
  if (version >= oldest && version <= current) return undefined;
  const outdated = version < oldest ? other : self;
  return `The ${other} speaks version ${version} of the mesh's protocol, the ${self} understands ${ours}: they cannot work together. Update cxmpute on the ${outdated}.`;
}
