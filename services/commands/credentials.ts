import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Clock, systemClock } from "../../core/clock.ts";
import type { KeyedCertificate } from "../../core/identity/authority.ts";
import {
  CredentialsFault,
  checkAuthority,
  checkCredentials,
  checkKeyed,
  type KeyedNames,
  type PartNames,
} from "../../core/identity/check-credentials.ts";
import { type Credentials, LiveCredentials } from "../../core/identity/credentials.ts";
import { describeIdentity, formatIdentity, type Identity, type Role } from "../../core/identity/identity.ts";
import type { Part } from "../../core/lifecycle/lifecycle.ts";
import { UserFault } from "../../core/lifecycle/user-fault.ts";
import type { Log } from "../../core/telemetry/log.ts";
import type { TlsValues } from "./settings/tls.ts";

/** File names in the folder of `cxmpute tls init`. */
export const tlsFiles = {
  authority: "ca.pem",
  /** Not needed to run the mesh. */
  authorityKey: "ca.key",
  nodeAuthority: "node-ca.pem",
  nodeAuthorityKey: "node-ca.key",
  certificateOf: (role: Role): string => `${role}.pem`,
  keyOf: (role: Role): string => `${role}.key`,
};

/** The credentials of the settings, for a process with one of `roles`; undefined in plain text. Throws what to fix. */
export function openCredentials(values: TlsValues, roles: readonly Role[]): LiveCredentials | undefined {
  const files = toFiles(values, roles);
  return files === undefined ? undefined : new LiveCredentials(read(files, roles, systemClock));
}

/** Reloads credentials when the files of the same settings change. */
export function followFiles(
  credentials: LiveCredentials,
  values: TlsValues,
  roles: readonly Role[],
  options: FollowOptions,
): Part {
  const files = toFiles(values, roles)!;
  const readAgain = () => read(files, roles, options.clock);
  return follow("certificates", credentials.current, readAgain, (it) => credentials.replace(it), options);
}

/** The same for a certificate with its key, from any issuer; `replace` gets each new one. */
export function followKeyed(
  keyed: KeyedCertificate,
  files: KeyedNames,
  replace: (fresh: KeyedCertificate) => void,
  options: FollowOptions,
): Part {
  const readAgain = () => openKeyed(files, options.clock);
  return follow("certificates for HTTPS", keyed, readAgain, replace, options);
}

interface FollowOptions {
  readonly clock: Clock;
  readonly log: Log;
}

/** The period of reading, in milliseconds: new certificates need no restart. */
const rereadMs = 60_000;

/** Passes a value to `replace` when it has changed. A fault is logged once, and the former value stays in use. */
function follow<T>(
  name: string,
  initial: T,
  readAgain: () => T,
  replace: (fresh: T) => void,
  { clock, log }: FollowOptions,
): Part {
  let current = JSON.stringify(initial);
  let logged = "";
  const timer = clock.every(rereadMs, () => {
    try {
      const fresh = readAgain();
      if (JSON.stringify(fresh) !== current) {
        replace(fresh);
        current = JSON.stringify(fresh);
        log.info(`${name} reloaded`);
      }
      logged = "";
    } catch (error) {
      const { message } = error as Error;
      if (message !== logged) log.warn({ err: error }, rereadFault(name, message));
      logged = message;
    }
  });
  return { name, stop: () => timer.cancel() };
}

const rereadFault = (name: string, fault: string): string =>
  `${name} cannot be reloaded, so the previous ones stay in use: ${fault.replace(/\.$/, "")}. Once the files are fixed, they are loaded within a minute without a restart.`;

/** A certificate with its key, from any issuer, checked by `check`. */
export function openKeyed(
  files: KeyedNames,
  clock: Clock = systemClock,
  check: (keyed: KeyedCertificate, names: KeyedNames, wallTime: number) => unknown = checkKeyed,
): KeyedCertificate {
  const keyed = { certificate: readText(files.certificate), privateKey: readText(files.privateKey) };
  asFault(() => check(keyed, files, clock.wallTime()));
  return keyed;
}

/** The authority for nodes' certificates. */
export const openAuthority = (files: KeyedNames): KeyedCertificate =>
  openKeyed(files, systemClock, checkAuthority);

function toFiles(values: TlsValues, roles: readonly Role[]): PartNames | undefined {
  const { tls, tlsCert, tlsKey, tlsCa } = values;
  if (tls !== undefined) {
    const role = roles[0]!;
    return {
      certificate: join(tls, tlsFiles.certificateOf(role)),
      privateKey: join(tls, tlsFiles.keyOf(role)),
      authorities: join(tls, tlsFiles.authority),
    };
  }
  if (tlsCert === undefined || tlsKey === undefined || tlsCa === undefined) return undefined;
  return { certificate: tlsCert, privateKey: tlsKey, authorities: tlsCa };
}

function read(files: PartNames, roles: readonly Role[], clock: Clock): Credentials {
  const credentials = {
    certificate: readText(files.certificate),
    privateKey: readText(files.privateKey),
    authorities: readText(files.authorities),
  };
  const { identity } = asFault(() => checkCredentials(credentials, files, clock.wallTime()));
  if (!roles.includes(identity.role))
    throw new UserFault(
      `the certificate in ${files.certificate} is for ${describeIdentity(identity)}, and this needs one for ${describeRoles(roles)}`,
    );
  return credentials;
}

const describeRoles = (roles: readonly Role[]): string =>
  roles
    .map((role) => (role === "node" ? "a node" : `${role} (${formatIdentity({ role } as Identity)})`))
    .join(" or ");

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why =
      code === "ENOENT" ? "there is no such file" : code === "EACCES" ? "this user may not read it" : message;
    throw new UserFault(`${path}: ${why}. \`cxmpute tls init FOLDER\` makes certificates.`, { cause: error });
  }
}

function asFault<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof CredentialsFault) throw new UserFault(`${error.message}.`, { cause: error });
    throw error;
  }
}
