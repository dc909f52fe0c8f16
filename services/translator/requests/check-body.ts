import type { z } from "zod";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { missing, tooManyProperties, wrongMeaning } from "../errors/param-faults.ts";
import type { JsonObject } from "../http/json-body.ts";
import { type Dialect, describeIssue } from "./describe-issue.ts";
import { isGiven } from "./vocabulary.ts";

/** How the operator wants requests to be read. */
export interface RequestRules {
  /** Whether images may be named by URL, from which they are fetched. */
  readonly fetchImages: boolean;
  /** Whether an unknown key is a fault; otherwise it is ignored, as open servers do. */
  readonly strictKeys: boolean;
}

export const defaultRules: RequestRules = { fetchImages: false, strictKeys: false };

/** A schema, compiled or not: whether it takes a value, and what it makes of it. */
export interface Checker<T> {
  safeParse(value: unknown): { data?: T | undefined; error?: z.ZodError | undefined };
}

/** A body whose every field has its type. Throws the first fault that the schema finds, in a surface's words. */
export function checkBody<T>(schema: Checker<T>, raw: JsonObject, dialect?: Dialect): T {
  const { data, error } = schema.safeParse(raw);
  if (error !== undefined) throw describeIssue(error.issues[0]!, raw, dialect);
  return data as T;
}

/** Throws unless a model is named, and this parameter is there, which OpenAI looks for before all others. */
export function requireModel(raw: JsonObject, beside?: string): void {
  if (!isGiven(raw.model) || raw.model === "")
    throw new MeshError("invalid_request", "you must provide a model parameter");
  if (beside !== undefined && !isGiven(raw[beside])) throw missing(beside);
}

/** Throws where options for a stream come without one. */
export function refuseStreamOptions(body: {
  readonly stream?: unknown;
  readonly stream_options?: unknown;
}): void {
  if (body.stream_options && body.stream !== true)
    throw wrongMeaning(
      "stream_options",
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
    );
}

/** Throws where there is more metadata than OpenAI takes. */
export function refuseMuchMetadata(metadata: JsonObject | null | undefined): void {
  const count = Object.keys(metadata ?? {}).length;
  if (count > maxMetadata) throw tooManyProperties("metadata", maxMetadata, count);
}

const maxMetadata = 16;
