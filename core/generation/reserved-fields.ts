import type { Caller, Generation, ResumePoint } from "../../gen/cxmpute/generation/v1/generation_pb.ts";

/** The kind of process that sends a generation. */
export type Sender = "client" | "translator" | "router";

/** A field of a generation that only some senders may set. */
interface ReservedField {
  readonly field: string;
  /** The senders that may set it. */
  readonly setBy: readonly Exclude<Sender, "client">[];
  readonly isSet: (generation: Generation) => boolean;
  readonly clear: (generation: Generation) => Generation;
}

/** Fields that only the mesh's processes set. Those about the caller need no protection: translators write them. */
export const reservedFields: readonly ReservedField[] = [
  {
    // Gives an answer with a waiting reader priority for a node's slots.
    field: "resume.being_read",
    setBy: ["translator", "router"],
    isSet: ({ resume }) => resume?.beingRead === true,
    clear: (generation) => ({
      ...generation,
      resume: { ...(generation.resume as ResumePoint), beingRead: false },
    }),
  },
  {
    field: "caller.hops",
    setBy: ["translator"],
    isSet: ({ caller }) => caller !== undefined && caller.hops > 0,
    clear: (generation) => ({ ...generation, caller: { ...(generation.caller as Caller), hops: 0 } }),
  },
  {
    field: "caller.via",
    setBy: ["translator"],
    isSet: ({ caller }) => caller !== undefined && caller.via.length > 0,
    clear: (generation) => ({ ...generation, caller: { ...(generation.caller as Caller), via: [] } }),
  },
  {
    field: "caller.fairness_id",
    setBy: ["translator"],
    isSet: ({ caller }) => caller !== undefined && caller.fairnessId !== "",
    clear: (generation) => ({ ...generation, caller: { ...(generation.caller as Caller), fairnessId: "" } }),
  },
  {
    // Lets a prompt be compared with those of another caller.
    field: "caller.cache_salt",
    setBy: ["translator"],
    isSet: ({ caller }) => caller !== undefined && caller.cacheSalt !== "",
    clear: (generation) => ({ ...generation, caller: { ...(generation.caller as Caller), cacheSalt: "" } }),
  },
];

/** A generation without the fields that its sender may not set. */
export function withoutReserved(generation: Generation, sender: Sender): Generation {
  let allowed = generation;
  for (const { setBy, isSet, clear } of reservedFields)
    if (!setBy.some((one) => one === sender) && isSet(allowed)) allowed = clear(allowed);
  return allowed;
}
