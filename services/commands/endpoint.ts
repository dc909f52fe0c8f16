import { UserFault } from "../../core/lifecycle/user-fault.ts";
import { readApiKey } from "./api-key.ts";
import type { endpoint } from "./settings/clients.ts";
import type { ValuesIn } from "./settings/parts.ts";

export interface Endpoint {
  /** Such as `http://127.0.0.1:8080/v1`. */
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
  readonly userId: string | undefined;
}

/** The endpoint of the settings; the key is by default that in the data folder. */
export function toEndpoint(values: ValuesIn<typeof endpoint>): Endpoint {
  const { baseUrl, apiKey = readApiKey(values.data), userId } = values;
  return { baseUrl: baseUrl.replace(/\/+$/, ""), apiKey, userId };
}

/** Sends a request to the endpoint. Throws a fault with what to do when it cannot be reached or refuses. */
export async function ask(
  endpoint: Endpoint,
  path: string,
  options: { readonly body?: unknown; readonly signal?: AbortSignal } = {},
): Promise<Response> {
  const { baseUrl, apiKey, userId } = endpoint;
  const { body, signal } = options;
  let response: Response;
  try {
    response = await fetch(`${baseUrl}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        "content-type": "application/json",
        ...(userId === undefined ? {} : { "x-user-id": userId }),
        ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new UserFault(
      `cannot reach ${baseUrl} (${reasonOf(error)}). Start a mesh with \`cxmpute up\`, or name another endpoint with --base-url URL.`,
      { cause: error },
    );
  }
  if (response.ok) return response;
  throw new UserFault(await describeRefusal(response, endpoint));
}

/** The reason of a failed fetch is only in its cause. */
function reasonOf(error: unknown): string {
  const cause = (error as Error).cause as NodeJS.ErrnoException | undefined;
  return cause?.code ?? cause?.message ?? (error as Error).message;
}

async function describeRefusal(response: Response, { baseUrl, apiKey }: Endpoint): Promise<string> {
  const text = await response.text();
  const message = messageIn(text) ?? `${response.status} ${response.statusText}`;
  if (response.status === 401) {
    const cure = apiKey === undefined ? "Give a key" : "Give another key";
    return `${baseUrl} refuses the request: ${message} ${cure} with CXMPUTE_API_KEY or --api-key KEY.`;
  }
  if (response.status === 404 && !text.includes("model_not_found"))
    return `${baseUrl} is not the base URL of an OpenAI-compatible endpoint, which usually ends with /v1; it says: ${message}`;
  return message;
}

/** The message of an error of OpenAI's envelope or of Connect; undefined for any other text. */
export function messageIn(text: string): string | undefined {
  try {
    const { error, message = error?.message } = JSON.parse(text) as Said;
    return typeof message === "string" ? message : undefined;
  } catch {
    return undefined;
  }
}

interface Said {
  readonly error?: { readonly message?: unknown };
  readonly message?: unknown;
}
