import { existsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { systemClock } from "../../core/clock.ts";
import type { Values } from "../../core/config/settings.ts";
import { certifyNew, createNodeAuthority, createRoot, type Term } from "../../core/identity/authority.ts";
import type { Role } from "../../core/identity/identity.ts";
import { exitCodes, UserFault } from "../../core/lifecycle/user-fault.ts";
import { makeFolder } from "./api-key.ts";
import { tlsFiles } from "./credentials.ts";
import { shellQuote } from "./places.ts";
import type { tlsSettings } from "./settings/clients.ts";

/** The roles that get a certificate; nodes get theirs when they join. */
const holders = ["registry", "router", "translator", "client", "admin"] as const satisfies readonly Role[];
/** Certificates are valid from a little before now, because clocks of machines differ. */
const clockToleranceMs = 5 * 60_000;

/** `cxmpute tls init FOLDER`: makes the certificates of a mesh. */
export async function tls(
  { hosts, days }: Values<typeof tlsSettings>,
  [verb, folder, ...rest]: readonly string[],
): Promise<number> {
  if (verb !== "init" || folder === undefined || rest.length > 0)
    throw new UserFault("usage: cxmpute tls init FOLDER [--host mesh.example]", {
      exitCode: exitCodes.usage,
    });
  const now = systemClock.wallTime();
  const files = await makeFiles(hosts, { from: now - clockToleranceMs, until: now + days * 86_400_000 });
  keep(folder, files);
  process.stdout.write(toText(folder));
  return exitCodes.ok;
}

async function makeFiles(hosts: readonly string[], term: Term): Promise<Map<string, string>> {
  const root = await createRoot(term);
  const nodeAuthority = await createNodeAuthority(root, term);
  const files = new Map([
    [tlsFiles.authority, root.certificate],
    [tlsFiles.authorityKey, root.privateKey],
    [tlsFiles.nodeAuthority, nodeAuthority.certificate],
    [tlsFiles.nodeAuthorityKey, nodeAuthority.privateKey],
  ]);
  for (const role of holders) {
    const own = await certifyNew(root, {
      identity: { role },
      term,
      hosts: ["localhost", "127.0.0.1", "::1", ...hosts],
    });
    files.set(tlsFiles.certificateOf(role), own.certificate);
    files.set(tlsFiles.keyOf(role), own.privateKey);
  }
  return files;
}

/** Writes the files and overwrites none: running the command twice must not lose a mesh's keys. */
function keep(folder: string, files: ReadonlyMap<string, string>): void {
  const there = [...files.keys()].find((name) => existsSync(join(folder, name)));
  if (there !== undefined)
    throw new UserFault(
      `${join(folder, there)} exists, and existing files are never overwritten: choose another folder, or remove this one if nothing uses it.`,
    );
  try {
    makeFolder(resolve(folder));
    for (const [name, text] of files) writeFileSync(join(folder, name), text, { mode: 0o600, flag: "wx" });
  } catch (error) {
    throw new UserFault(`cannot write to ${folder}: ${(error as Error).message}. Choose another folder.`, {
      cause: error,
    });
  }
}

function toText(folder: string): string {
  const option = `--tls ${shellQuote(folder)}`;
  return `The certificates of a mesh are in ${folder}.

Start its services with them:
  cxmpute registry ${option} --listen 0.0.0.0:50051
  cxmpute router ${option} --listen 0.0.0.0:50052 --registry HOST:50051
  cxmpute translator ${option} --router HOST:50052

Let a machine join:
  cxmpute token create ${option} --registry HOST:50051 --router HOST:50052

Each service needs ${tlsFiles.authority} and its own two files; the registry ${tlsFiles.nodeAuthority} and ${tlsFiles.nodeAuthorityKey} as well.
Keep ${tlsFiles.authorityKey} and ${tlsFiles.keyOf("admin")} off the machines that serve: who has them rules the mesh.
`;
}
