import { ScalarType } from "@bufbuild/protobuf";
import {
  type Capabilities,
  Capabilities_Resume,
  CapabilitiesSchema,
} from "../../../gen/cxmpute/registry/v1/registry_pb.ts";

/** A model's capabilities on one node, by their names in the protos; `resume` is `none`, `text` or `tokens`. */
export type Abilities = Readonly<Record<string, boolean>> & { readonly resume: string };

/** All capabilities, also absent ones. */
export function toAbilities(capabilities: Capabilities | undefined): Abilities {
  const flags = CapabilitiesSchema.fields.flatMap((field) =>
    field.fieldKind === "scalar" && field.scalar === ScalarType.BOOL
      ? [[field.name, capabilities?.[field.localName as keyof Capabilities] === true] as const]
      : [],
  );
  const resume = resumeNames[capabilities?.resume ?? Capabilities_Resume.NONE];
  return { ...Object.fromEntries(flags), resume } as Abilities;
}

/** The present capabilities: `tools, json_schema, resume from text`. */
export function listAbilities({ resume, ...flags }: Abilities): string {
  const names = Object.entries(flags).flatMap(([name, able]) => (able ? [name] : []));
  return [...names, ...(resume === "none" ? [] : [`resume from ${resume}`])].join(", ") || "none";
}

const resumeNames: Readonly<Record<Capabilities_Resume, string>> = {
  [Capabilities_Resume.UNSPECIFIED]: "none",
  [Capabilities_Resume.NONE]: "none",
  [Capabilities_Resume.TEXT]: "text",
  [Capabilities_Resume.TOKENS]: "tokens",
};
