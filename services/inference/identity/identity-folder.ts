import type { X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import {
  CredentialsFault,
  checkCredentials,
  type PartNames,
} from "../../../core/identity/check-credentials.ts";
import type { Credentials } from "../../../core/identity/credentials.ts";
import { createKey } from "../../../core/identity/key-pair.ts";
import { writePrivateFile } from "../../../core/identity/private-files.ts";
import { UserFault } from "../../../core/lifecycle/user-fault.ts";

const configSchema = z.strictObject({
  nodeId: z.string().min(1),
  registry: z.string().min(1),
  routers: z.array(z.string().min(1)),
});
/** What a node remembers about its mesh: its own name there, and addresses. */
export type MeshConfig = z.output<typeof configSchema>;

/** A node's stored identity. */
export interface KeptIdentity {
  readonly nodeId: string;
  readonly credentials: Credentials;
  readonly certificate: X509Certificate;
  readonly authority: X509Certificate;
}

/** The folder with what only its owner may read: key, certificate, trusted authorities and the mesh config. */
export class IdentityFolder {
  readonly path: string;
  readonly #files: PartNames;
  readonly #config: string;

  constructor(dataFolder: string) {
    this.path = join(dataFolder, "identity");
    this.#files = {
      certificate: join(this.path, "certificate.pem"),
      privateKey: join(this.path, "key.pem"),
      authorities: join(this.path, "authorities.pem"),
    };
    this.#config = join(this.path, "mesh.json");
  }

  /** Undefined when there is none. Throws a `CredentialsFault` when it is invalid, a `UserFault` for a bad file. */
  async read(wallTime: number): Promise<KeptIdentity | undefined> {
    const certificate = await readText(this.#files.certificate);
    if (certificate === undefined) return undefined;
    const privateKey = await this.#readKey();
    const authorities = await readText(this.#files.authorities);
    if (privateKey === undefined || authorities === undefined)
      throw new UserFault(
        `${privateKey === undefined ? this.#files.privateKey : this.#files.authorities} is missing, so the certificate beside it cannot be used: restore the file, or remove ${this.path} and join with a new token.`,
      );
    const credentials = { certificate, privateKey, authorities };
    const checked = checkCredentials(credentials, this.#files, wallTime);
    if (checked.identity.role !== "node")
      throw new CredentialsFault(
        "certificate",
        `the certificate in ${this.#files.certificate} is not a node's`,
      );
    return { nodeId: checked.identity.id, credentials, ...checked };
  }

  /** The key, created on first use. */
  async key(): Promise<string> {
    const kept = await this.#readKey();
    const key = kept ?? createKey();
    if (kept === undefined) await this.#write(this.#files.privateKey, key);
    return key;
  }

  /** Undefined before the first attempt to join. */
  async readConfig(): Promise<MeshConfig | undefined> {
    const text = await readText(this.#config);
    if (text === undefined) return undefined;
    try {
      return configSchema.parse(JSON.parse(text));
    } catch (error) {
      const message = `${this.#config} cannot be read. Remove it, and say --registry and --router once.`;
      throw new UserFault(message, { cause: error });
    }
  }

  async keepConfig(config: MeshConfig): Promise<void> {
    await this.#write(this.#config, `${JSON.stringify(config, null, 2)}\n`);
  }

  /** Stores a certificate for the key: the node is a member from then on. */
  async keepCertificate({ certificate, authorities }: Omit<Credentials, "privateKey">): Promise<void> {
    await this.#write(this.#files.authorities, authorities);
    await this.#write(this.#files.certificate, certificate);
  }

  async #readKey(): Promise<string | undefined> {
    const text = await readText(this.#files.privateKey);
    // Windows has no such bits; it closes users' folders to others by itself.
    if (text === undefined || process.platform === "win32") return text;
    if (((await stat(this.#files.privateKey)).mode & 0o077) !== 0)
      throw new UserFault(
        `${this.#files.privateKey} can be read by other users of this machine, and anyone who has it can impersonate this node: chmod 600 it. If others may have read it, ask the operator to revoke this node.`,
      );
    return text;
  }

  async #write(path: string, text: string): Promise<void> {
    try {
      await writePrivateFile(path, text);
    } catch (error) {
      throw new UserFault(
        `cannot keep this node's identity in ${this.path}: ${(error as Error).message}. Choose another folder with --data FOLDER.`,
        { cause: error },
      );
    }
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new UserFault(
      `${path} cannot be read: ${code === "EACCES" ? "this user may not" : message}. It belongs to this node's identity; run as the user who joined, or choose another folder with --data FOLDER.`,
      { cause: error },
    );
  }
}
