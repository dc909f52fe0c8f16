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
import { type RereadSurroundings, reread } from "./reread.ts";
import type { TlsValues } from "./settings/tls.ts";
import { tlsFiles } from "./tls-files.ts";

/**
 * The credentials that the settings name for a process with one of `roles`; undefined in plain text. Throws a fault that
 * names the file and what to do.
 */
export function openCredentials(values: TlsValues, roles: readonly Role[]): LiveCredentials | undefined {
  const files = toFiles(values, roles);
  return files === undefined ? undefined : new LiveCredentials(read(files, roles, systemClock));
}

/** Reloads credentials when their files change; a faulty file leaves the former ones. */
export function followFiles(
  credentials: LiveCredentials,
  values: TlsValues,
  roles: readonly Role[],
  surroundings: RereadSurroundings,
): Part {
  const files = toFiles(values, roles);
  return reread(
    {
      name: "certificates",
      current: () => credentials.current,
      read: () => (files === undefined ? credentials.current : read(files, roles, surroundings.clock)),
      replace: (fresh) => credentials.replace(fresh),
    },
    surroundings,
  );
}

/** The same for a certificate with its key, from any issuer; `replace` gets each new one. */
export function followKeyed(
  keyed: KeyedCertificate,
  { certificate, privateKey }: KeyedNames,
  replace: (fresh: KeyedCertificate) => void,
  surroundings: RereadSurroundings,
): Part {
  let current = keyed;
  return reread(
    {
      name: "certificates for HTTPS",
      current: () => current,
      read: () => openKeyed(certificate, privateKey, { clock: surroundings.clock }),
      replace(fresh) {
        replace(fresh);
        current = fresh;
      },
    },
    surroundings,
  );
}

/** The authority for nodes' certificates. */
export const openAuthority = (certificateFile: string, keyFile: string): KeyedCertificate =>
  openKeyed(certificateFile, keyFile, { check: checkAuthority });

/** A certificate with its key, from any issuer, checked by `check`. */
export function openKeyed(
  certificateFile: string,
  keyFile: string,
  { check = checkKeyed, clock = systemClock }: { readonly check?: CheckKeyed; readonly clock?: Clock } = {},
): KeyedCertificate {
  const keyed = { certificate: readText(certificateFile), privateKey: readText(keyFile) };
  asFault(() => check(keyed, { certificate: certificateFile, privateKey: keyFile }, clock.wallTime()));
  return keyed;
}

type CheckKeyed = (keyed: KeyedCertificate, names: KeyedNames, wallTime: number) => unknown;

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
