import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startChild } from "../processes/child.ts";
import { freePorts } from "../processes/ports.ts";
import { cacheFolder } from "./cache.ts";
import type { Peer } from "./contract.ts";
import { answers } from "./probe.ts";
import { run } from "./run.ts";

/** What is installed; its overrides are part of the measurement. */
const manifest = fileURLToPath(new URL("./portkey/package.json", import.meta.url));

/** Portkey's AI gateway from npm, in its open form: routing by headers, no accounts, no cache. */
export const portkey: Peer = {
  name: "portkey",
  title: "Portkey gateway 1.15.2, one hop",
  maxStreams: 200,
  async start({ upstreamPort }) {
    const script = await install();
    const [port] = await freePorts(1);
    const child = startChild({
      program: process.execPath,
      args: [script, `--port=${port}`, "--headless"],
      environment: { TRUSTED_CUSTOM_HOSTS: "127.0.0.1" },
    });
    const headers = {
      authorization: "Bearer sk-bench",
      "x-portkey-provider": "openai",
      "x-portkey-custom-host": `http://127.0.0.1:${upstreamPort}/v1`,
    };
    const target = { port: port!, headers };
    await answers(target, [child]);
    return {
      target,
      roles: [{ name: "gateway", counted: true, pids: () => [child.pid] }],
      stop: () => child.stop(),
    };
  },
};

/** Installs the gateway unless this very manifest is installed already; returns the script to start. */
async function install(): Promise<string> {
  const folder = cacheFolder("portkey");
  const script = `${folder}/node_modules/@portkey-ai/gateway/build/start-server.js`;
  const installed = `${folder}/package.json`;
  const current = existsSync(installed) && readFileSync(installed, "utf8") === readFileSync(manifest, "utf8");
  if (current && existsSync(script)) return script;
  copyFileSync(manifest, installed);
  await run("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], folder);
  return script;
}
