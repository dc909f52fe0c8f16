import { z } from "zod";

/** A key that can stand in a header after `Bearer`. */
export const keyText = z
  .string()
  .regex(/^[\x21-\x7e]+$/, "expected a key of letters, digits and signs, without spaces")
  .describe("a key");
