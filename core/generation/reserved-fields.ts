import type { Caller, Generation, ResumePoint } from "../../gen/cxmpute/generation/v1/generation_pb.ts";

/** Who hands a generation to this process. */
export type Sender = "client" | "translator" | "router";

/** A field of a generation that not everybody may set. */
interface ReservedField {
  /** Its path. */
  readonly field: string;
  /** Who may set it: what it holds is theirs to know. */
  readonly setBy: Exclude<Sender, "client">;
  readonly isSet: (generation: Generation) => boolean;
  /** The generation without it. */
  readonly clear: (generation: Generation) => Generation;
}

/**
 * Every field that only a process of the mesh sets. What else a generation says of its caller is nobody's own: over
 * HTTP and Connect the translator writes id and caller itself, and an internal client speaks for its accounts.
 */
export const reservedFields: readonly ReservedField[] = [
  {
    // Lets an answer past those that wait for a node's slots, because its reader is in the middle of it.
    field: "resume.being_read",
    setBy: "router",
    isSet: ({ resume }) => resume?.beingRead === true,
    clear: (generation) => ({
      ...generation,
      resume: { ...(generation.resume as ResumePoint), beingRead: false },
    }),
  },
  {
    field: "caller.hops",
    setBy: "translator",
    isSet: ({ caller }) => caller !== undefined && caller.hops > 0,
    clear: (generation) => ({ ...generation, caller: { ...(generation.caller as Caller), hops: 0 } }),
  },
  {
    field: "caller.via",
    setBy: "translator",
    isSet: ({ caller }) => caller !== undefined && caller.via.length > 0,
    clear: (generation) => ({ ...generation, caller: { ...(generation.caller as Caller), via: [] } }),
  },
];

/** A generation without what its sender may not say; everything else in it stands. */
export function withoutReserved(generation: Generation, sender: Sender): Generation {
  let allowed = generation;
  for (const { setBy, isSet, clear } of reservedFields)
    if (setBy !== sender && isSet(allowed)) allowed = clear(allowed);
  return allowed;
}
