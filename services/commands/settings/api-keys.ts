import { z } from "zod";
import { keyText } from "../../../core/config/key-text.ts";
import { type ApiKey, digestOf, keyIdOf } from "../../translator/auth/keys.ts";
import { keyRoles } from "../../translator/auth/require-key.ts";
import * as parts from "./parts.ts";

/** An API key as configured; without a user it gets one from `assignUsers`. */
export interface KeyEntry extends Omit<ApiKey, "userId" | "key" | "sha256"> {
  readonly userId?: string;
  readonly sha256: string;
  /** Absent when only its hash is configured. */
  readonly key?: string;
}

/** The user of a single key, unless it is named. */
export const defaultUser = "local";

/** Gives each key a user: `userId` where that is set; else a single key is `local`'s, and each of several its own. */
export function assignUsers(entries: readonly KeyEntry[], userId: string | undefined): ApiKey[] {
  const ownUser = (entry: KeyEntry) => (entries.length === 1 ? defaultUser : keyIdOf(entry.sha256));
  return entries.map((entry) => ({ ...entry, userId: entry.userId ?? userId ?? ownUser(entry) }));
}

/** The accepted keys: text in any source, or in a file objects. */
export const apiKeys = parts.setting({
  schema: z
    .array(z.union([z.string(), z.record(z.string(), z.unknown())]))
    .transform((forms, context): KeyEntry[] => {
      const entries: KeyEntry[] = [];
      for (const [index, form] of forms.entries()) {
        const read = typeof form === "string" ? readText(form) : readObject(form);
        const fault = "fault" in read ? read.fault : findTwin(read, entries);
        const message = forms.length === 1 ? fault : `key ${index + 1}: ${fault}`;
        if (fault !== undefined) context.addIssue({ code: "custom", message: message ?? "", path: [index] });
        if (!("fault" in read)) entries.push(read);
      }
      return entries;
    })
    .describe("keys"),
  default: [],
  name: "api-key",
  fileName: "api_keys",
  placeholder: "USER=KEY",
  secret: true,
  help: "An accepted API key and the user that it belongs to. Users do not see each other's stored responses, and queue separately; a user may have several keys. Instead of the key its hash will do, `sha256:HEX`, which `cxmpute api-key` prints. A key without a user belongs to a user of its own.",
});

type Read = KeyEntry | { readonly fault: string };

/** `KEY`, `USER=KEY`, `sha256:HEX` or `USER=sha256:HEX`. */
function readText(text: string): Read {
  const position = text.indexOf("=");
  if (position < 0) return toEntry(text);
  const user = text.slice(0, position);
  const key = text.slice(position + 1);
  // A key in base64 may end with `=`; taken apart, hardly anything of it would be left to guess.
  if (key === "" || key.startsWith("="))
    return {
      fault: `no key after the first \`=\`, which ends the user; a key that contains \`=\` needs its user before it, as USER=KEY`,
    };
  return toEntry(key, { user });
}

const fields = ["user", "key", "key_sha256", "project", "role"] as const;

/** `{user, key | key_sha256, project?, role?}`. */
function readObject(object: Readonly<Record<string, unknown>>): Read {
  const unknown = Object.keys(object).find((name) => !fields.some((field) => field === name));
  if (unknown !== undefined) return { fault: `unknown name ${unknown}; a key has ${fields.join(", ")}` };
  const wrong = fields.find((name) => object[name] !== undefined && typeof object[name] !== "string");
  if (wrong !== undefined) return { fault: `${wrong}: expected text; put quotes around it` };
  const { user, key, key_sha256: hash, project, role } = object as Partial<Record<string, string>>;
  if (user === undefined) return { fault: "user is missing: name the user that the key belongs to" };
  if ((key === undefined) === (hash === undefined)) return { fault: "expected either key or key_sha256" };
  const written = hash === undefined ? key! : `sha256:${hash.replace(/^sha256:/i, "")}`;
  return toEntry(written, { user, project, role });
}

interface Owner {
  readonly user?: string | undefined;
  readonly project?: string | undefined;
  readonly role?: string | undefined;
}

function toEntry(written: string, { user, project, role }: Owner = {}): Read {
  const isHash = /^sha256:/i.test(written);
  const sha256 = isHash ? written.slice("sha256:".length).toLowerCase() : digestOf(written);
  if (user !== undefined && !parts.userText.safeParse(user).success)
    return {
      fault: user === "" ? "no user before the key; write USER=KEY" : `the user: ${parts.wantedUser}`,
    };
  if (isHash && !/^[0-9a-f]{64}$/.test(sha256))
    return { fault: "expected 64 hexadecimal digits after sha256:, the SHA-256 of a key" };
  if (!isHash && !keyText.safeParse(written).success)
    return { fault: "expected a key of letters, digits and signs, without spaces" };
  if (project === "") return { fault: "the project is empty; leave it out, or name one" };
  const known = keyRoles.find((name) => name === role);
  if (role !== undefined && known === undefined)
    return { fault: `the role: expected ${keyRoles.join(" or ")}, or none` };
  return {
    sha256,
    ...(isHash ? {} : { key: written }),
    ...(user === undefined ? {} : { userId: user }),
    ...(project === undefined ? {} : { projectId: project }),
    ...(known === undefined ? {} : { role: known }),
  };
}

const findTwin = ({ sha256 }: KeyEntry, entries: readonly KeyEntry[]): string | undefined => {
  const index = entries.findIndex((entry) => entry.sha256 === sha256);
  return index < 0 ? undefined : `the same key as key ${index + 1}; every key belongs to one user`;
};
