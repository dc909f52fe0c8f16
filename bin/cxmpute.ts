#!/usr/bin/env node
// The command `cxmpute` of the installed package.

import module from "node:module";

if (Number.parseInt(process.versions.node, 10) >= 24) {
  module.enableCompileCache();
  await import("../services/main.ts");
} else {
  process.stderr.write(
    `cxmpute needs Node 24 or newer; this is Node ${process.versions.node}. Install Node 24 from https://nodejs.org.\n`,
  );
  process.exitCode = 1;
}
