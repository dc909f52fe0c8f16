import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { startChild } from "../processes/child.ts";
import { processTree } from "../processes/cpu.ts";
import { freePorts } from "../processes/ports.ts";
import { cacheFolder } from "./cache.ts";
import type { Peer } from "./contract.ts";
import { answers } from "./probe.ts";
import { run } from "./run.ts";

/** Where systems keep it. */
const systemPrograms = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/opt/homebrew/bin/nginx"];

/**
 * nginx as a proxy for event streams is usually set up: keep-alive on both sides, `proxy_buffering off`. Its
 * request log is on, as it is by default, because the mesh's is.
 */
export const nginx: Peer = {
  name: "nginx",
  title: "nginx, one hop, proxy_buffering off",
  maxStreams: Number.POSITIVE_INFINITY,
  async start({ upstreamPort, streams }) {
    const program = systemPrograms.find(existsSync) ?? (await unpack());
    const [port] = await freePorts(1);
    const folder = cacheFolder("nginx/run");
    rmSync(folder, { recursive: true });
    for (const name of ["logs", "temp"]) mkdirSync(`${folder}/${name}`, { recursive: true });
    writeFileSync(`${folder}/nginx.conf`, configuration(port!, upstreamPort, streams));
    const child = startChild({ program, args: ["-p", folder, "-c", "nginx.conf", "-e", "logs/error.log"] });
    const target = { port: port!, headers: {} };
    await answers(target, [child]);
    return {
      target,
      roles: [{ name: "nginx", counted: true, pids: () => processTree(child.pid) }],
      stop: () => child.stop(),
    };
  },
};

/** Debian's package, unpacked without being installed. */
async function unpack(): Promise<string> {
  const folder = cacheFolder("nginx");
  const program = `${folder}/root/usr/sbin/nginx`;
  if (existsSync(program)) return program;
  await run("apt-get", ["-q", "-o", "APT::Sandbox::User=root", "download", "nginx"], folder);
  const archive = readdirSync(folder).find((name) => name.endsWith(".deb"));
  await run("dpkg-deb", ["-x", `${folder}/${archive}`, `${folder}/root`], folder);
  return program;
}

/** One worker: a second one only splits the same work, and costs more for each token. */
const configuration = (port: number, upstreamPort: number, streams: number) => `
daemon off;
worker_processes 1;
pid logs/nginx.pid;
error_log logs/error.log warn;
events { worker_connections ${4 * streams + 1024}; }
http {
  access_log logs/access.log;
  client_body_temp_path temp/body;
  proxy_temp_path temp/proxy;
  fastcgi_temp_path temp/fastcgi;
  uwsgi_temp_path temp/uwsgi;
  scgi_temp_path temp/scgi;
  keepalive_requests 100000000;
  upstream tokens {
    server 127.0.0.1:${upstreamPort};
    keepalive ${2 * streams + 64};
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://tokens;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }
  }
}
`;
