import { describe, expect, test } from "vitest";
import { silentLog } from "../../../../core/telemetry/log.ts";
import { schemaBombs } from "../../../../test/support/inference/schema-bombs.ts";
import { loadAddon } from "../llama-cpp/native/addon.ts";
import { jsonSchemaGrammar, SchemaError } from "./index.ts";

describe.each(schemaBombs)("$name", ({ bomb, says, fine }) => {
  test("are refused", () => {
    expect(() => jsonSchemaGrammar(bomb, { strict: false })).toThrow(SchemaError);
    expect(() => jsonSchemaGrammar(bomb, { strict: false })).toThrow(says);
  });

  test("are taken by llama.cpp while they are few", async () => {
    const addon = await loadAddon(silentLog);
    const gbnf = jsonSchemaGrammar(fine, { strict: false });
    expect(() => new addon.AddonGrammar(gbnf, { addonExports: addon })).not.toThrow();
  });
});
