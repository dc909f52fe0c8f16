import type { FastifyReply, FastifyRequest } from "fastify";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { HttpError } from "../errors/http-faults.ts";

/** What the holder of a key may do beyond asking for answers: operators see the mesh's nodes. */
export const keyRoles = ["operator"] as const;
export type KeyRole = (typeof keyRoles)[number];

/** Who sends a request, and what that caller may do. */
export interface Principal {
  /** The account that pays, queues and owns stored responses. */
  readonly userId: string;
  /** Whose turns in queues this takes, where the user id is only claimed; absent: the user's own. */
  readonly fairnessId?: string;
  /** Identifies the key in logs and records without revealing it; empty when no keys are configured. */
  readonly keyId: string;
  /** The key's project; empty for none. */
  readonly projectId: string;
  readonly role?: KeyRole;
  /** What the key may be used for; absent: everything. */
  readonly scopes?: readonly string[];
  /** Limits on the key's use; there are none yet. */
  readonly limits: Readonly<Record<string, never>>;
}

/** What a request says about its sender. */
export interface Credentials {
  readonly authorization: string | undefined;
  readonly userId: string | undefined;
  /** The IP address of the connection's other end. */
  readonly address?: string | undefined;
  /** The site of the web page that sends it; absent for other programs. */
  readonly origin?: string | undefined;
  readonly host?: string | undefined;
}

/**
 * Identifies the sender of a request. Rejects with a MeshError when the key is missing, wrong or belongs to another
 * user; with the signal's reason when that aborts first.
 */
export type Authenticate = (credentials: Credentials, signal: AbortSignal) => Promise<Principal>;

type RequestHook = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

/** Rejects requests without a valid key, and sets `request.principal` on the others. */
export const requireKey =
  (authenticate: Authenticate, toCredentials = bearerCredentials): RequestHook =>
  (request, reply) =>
    identify(authenticate, toCredentials(request), request, reply);

/** As `requireKey` for Anthropic's clients: a missing key is reported as a missing `x-api-key` header. */
export const requireApiKey =
  (authenticate: Authenticate): RequestHook =>
  async (request, reply) => {
    const credentials = apiKeyCredentials(request);
    try {
      await identify(authenticate, credentials, request, reply);
    } catch (error) {
      throw error instanceof HttpError && error.row.http === 401 ? missingApiKey() : error;
    }
  };

/** As OpenAI's clients send the key: `Authorization: Bearer`. */
const bearerCredentials = ({ headers, socket }: FastifyRequest): Credentials => ({
  authorization: headers.authorization,
  userId: headers["x-user-id"] as string | undefined,
  address: socket.remoteAddress,
  origin: headers.origin,
  host: headers.host,
});

/** The key from `x-api-key`, which Anthropic's clients send, or else from `Authorization`. */
export function apiKeyCredentials(request: FastifyRequest): Credentials {
  const key = request.headers["x-api-key"];
  const credentials = bearerCredentials(request);
  return typeof key === "string" ? { ...credentials, authorization: `Bearer ${key}` } : credentials;
}

/** Stops waiting when the client disconnects. */
async function identify(
  authenticate: Authenticate,
  credentials: Credentials,
  request: FastifyRequest,
  { raw }: FastifyReply,
): Promise<void> {
  const waiting = new AbortController();
  const onClose = () => waiting.abort(new MeshError("cancelled", "The client closed the connection."));
  raw.once("close", onClose);
  try {
    request.principal = await authenticate(credentials, waiting.signal);
  } finally {
    raw.off("close", onClose);
  }
}

const missingApiKey = () =>
  new MeshError(
    "unauthenticated",
    "x-api-key header is required. Send your key in it, or in an Authorization header as Bearer YOUR_KEY.",
  );
