#!/usr/bin/env node
// The command `cxmpute` of the installed package.

import { readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { handOver, isWantedNode, packageFolder } from "./hand-over.mjs";

if (isWantedNode) {
  if (packageFolder.split(sep).includes("node_modules")) await stripTypes();
  await import(pathToFileURL(join(packageFolder, "services", "main.ts")).href);
} else {
  await handOver(fileURLToPath(import.meta.url), process.argv.slice(2));
}

/** Node runs TypeScript as it is, but not below node_modules; there its own stripping is put to use by hand. */
async function stripTypes() {
  const { registerHooks, stripTypeScriptTypes } = await import("node:module");
  // Its warning that it may change concerns whoever upgrades Node, not whoever runs this.
  const { emitWarning } = process;
  process.emitWarning = () => {};
  stripTypeScriptTypes("");
  process.emitWarning = emitWarning;
  const own = pathToFileURL(packageFolder + sep).href;
  registerHooks({
    load(url, context, next) {
      if (!url.startsWith(own) || !url.endsWith(".ts")) return next(url, context);
      const source = stripTypeScriptTypes(readFileSync(fileURLToPath(url), "utf8"));
      return { format: "module", source, shortCircuit: true };
    },
  });
}
