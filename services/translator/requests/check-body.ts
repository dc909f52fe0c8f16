import type { z } from "zod";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { missing, tooManyProperties, wrongMeaning } from "../errors/param-faults.ts";
import type { JsonObject } from "../http/json-body.ts";
import { type Dialect, describeIssue } from "./describe-issue.ts";
import { isGiven } from "./vocabulary.ts";

/** How the operator wants requests to be read. */
export interface RequestRules {
  /** Whether images by URL are fetched; otherwise they are rejected. */
  readonly fetchImages: boolean;
  /** Whether unknown keys are rejected; otherwise they are ignored. */
  readonly strictKeys: boolean;
}

export const defaultRules: RequestRules = { fetchImages: false, strictKeys: false };

/** A schema, compiled or not. */
export interface Checker<T> {
  safeParse(value: unknown): { data?: T | undefined; error?: z.ZodError | undefined };
}

/** Validates a body's types. Throws the first fault of the schema, in the dialect's words. */
export function checkBody<T>(schema: Checker<T>, raw: JsonObject, dialect?: Dialect): T {
  const { data, error } = schema.safeParse(raw);
  if (error !== undefined) throw describeIssue(error.issues[0]!, raw, dialect);
  return data as T;
}

/** Throws unless the model and `alsoRequired` are given; OpenAI checks them before everything else. */
export function requireModel(raw: JsonObject, alsoRequired?: string): void {
  if (!isGiven(raw.model) || raw.model === "")
    throw new MeshError("invalid_request", "you must provide a model parameter");
  if (alsoRequired !== undefined && !isGiven(raw[alsoRequired])) throw missing(alsoRequired);
}

/** Throws for stream options without a stream. */
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

/** Throws for more metadata than OpenAI accepts. */
export function refuseMuchMetadata(metadata: JsonObject | null | undefined): void {
  const count = Object.keys(metadata ?? {}).length;
  if (count > maxMetadata) throw tooManyProperties("metadata", maxMetadata, count);
}

const maxMetadata = 16;
