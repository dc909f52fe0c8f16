import type { Clock } from "../../../../../core/clock.ts";
import type { Address } from "../../../servers/address.ts";
import { mediaTypeOf } from "../../../servers/ask.ts";
import { cannotUse, fetchOrRetry, readConnectionFault } from "../../../servers/connection-fault.ts";
import { boundedText } from "../../upstream/bounded-body.ts";
import { readHttpFault, type UpstreamFault } from "./fault.ts";

/** A failed connection, or an unusable answer. */
interface Unusable {
  /** Whether it broke after it was established. */
  readonly broke: boolean;
  /** For the provider: what is wrong, where, and what to do. */
  readonly words: string;
}

/** A request that the server refused, or whose connection failed. */
export class RequestFailure extends Error {
  override readonly name = "RequestFailure";
  readonly fault: UpstreamFault | Unusable;

  constructor(fault: UpstreamFault | Unusable, options?: ErrorOptions) {
    super("words" in fault ? fault.words : fault.message, options);
    this.fault = fault;
  }
}

/** The most of a body that is not a stream, in bytes: embeddings are large. */
const bodyLimitBytes = 64 * 1024 * 1024;
/** The same of an error's body. */
const faultLimitBytes = 64 * 1024;

/** Sends requests to one server; always reads or cancels bodies, so no connection leaks. */
export class UpstreamClient {
  readonly address: Address;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #clock: Clock;

  constructor(address: Address, apiKey: string | undefined, clock: Clock) {
    this.address = address;
    this.#headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
    this.#clock = clock;
  }

  /** Whether the server answers a cheap request. A refusal counts, as the process runs; a proxy's 5xx does not. */
  async answers(signal: AbortSignal): Promise<boolean> {
    const url = `${this.address.base}/models`;
    const response = await fetch(url, { headers: this.#headers, signal, redirect: "manual" });
    await this.readText(response);
    return response.status < 500;
  }

  /** The response to a POST of JSON, if its status is 200; throws `RequestFailure`. */
  post(
    path: string,
    body: string,
    given: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Response> {
    const headers = { ...this.#headers, ...given, "content-type": "application/json" };
    return this.#send(`${this.address.base}${path}`, { method: "POST", headers, body, signal });
  }

  /** The text of a body up to a limit; throws `RequestFailure`. */
  async readText(response: Response, limitBytes = bodyLimitBytes): Promise<string> {
    try {
      return await boundedText(response.body, limitBytes);
    } catch (error) {
      throw this.#failed(error);
    }
  }

  async #send(url: string, init: RequestInit): Promise<Response> {
    const response = await fetchOrRetry(url, init).catch((error: unknown) => {
      init.signal?.throwIfAborted();
      throw this.#failed(error);
    });
    if (response.status === 200) return response;
    const text = await this.readText(response, faultLimitBytes);
    throw new RequestFailure(readHttpFault(response.status, response.headers, text, this.#clock.wallTime()));
  }

  #failed(error: unknown): RequestFailure {
    return connectionFailure(error, this.address.base);
  }
}

/** An error of `fetch`, or of reading a body, as a failed request to `base`. */
export function connectionFailure(error: unknown, base: string): RequestFailure {
  const fault = readConnectionFault(error);
  const words = cannotUse(base, fault).replace(/^c/, "C");
  return new RequestFailure({ broke: fault.broke, words }, { cause: error });
}

/** The kind of a body, for messages. */
export function describeBody(headers: Headers): string {
  const type = mediaTypeOf(headers);
  if (type === "text/html") return "a web page";
  return /^[\w.+-]+\/[\w.+-]+$/.test(type) ? type : "a body of no known type";
}
