import { RE2JS } from "re2js";

/** Compiles a caller's pattern for RE2, linear even on `^(a+)+$`. Throws for what RE2 lacks: lookarounds. */
export function linearPattern(pattern: string): { test: (text: string) => boolean } {
  const compiled = RE2JS.compile(RE2JS.translateRegExp(pattern));
  return { test: (text) => compiled.matcher(text).find() };
}
