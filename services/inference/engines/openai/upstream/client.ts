import type { Clock } from "../../../../../core/clock.ts";
import type { Address } from "../../../servers/address.ts";
import { mediaTypeOf } from "../../../servers/ask.ts";
import { cannotUse, fetchOrRetry, readConnectionFault } from "../../../servers/connection-fault.ts";
import { boundedText } from "../../upstream/upstream-text.ts";
import { readHttpFault, type UpstreamFault } from "./fault.ts";

/** A request that the server refused. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly fault: UpstreamFault;

  constructor(fault: UpstreamFault) {
    super(fault.message);
    this.fault = fault;
  }
}

/** A failed connection, or an unusable answer. The message tells the provider what is wrong, where, and what to do. */
export class ConnectionFailure extends Error {
  override readonly name = "ConnectionFailure";
  /** Whether it broke after it was established. */
  readonly broke: boolean;

  constructor(message: string, broke: boolean, options?: ErrorOptions) {
    super(message, options);
    this.broke = broke;
  }
}

/** The most of a body that is not a stream, in bytes: embeddings are large. */
const bodyLimitBytes = 64 * 1024 * 1024;
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

  /** The response to a POST of JSON, if its status is 200; throws `Refusal` or `ConnectionFailure`. */
  async post(
    path: string,
    body: string,
    given: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Response> {
    const { base } = this.address;
    const headers = { ...this.#headers, ...given, "content-type": "application/json" };
    const init = { method: "POST", headers, body, signal };
    const response = await fetchOrRetry(`${base}${path}`, init).catch((error: unknown) => {
      signal.throwIfAborted();
      throw connectionFailure(error, base);
    });
    if (response.status === 200) return response;
    const text = await this.readText(response, faultLimitBytes);
    throw new Refusal(readHttpFault(response.status, response.headers, text, this.#clock.wallTime()));
  }

  /** The text of a body up to a limit; throws `ConnectionFailure`. */
  async readText(response: Response, limitBytes = bodyLimitBytes): Promise<string> {
    try {
      return await boundedText(response.body, limitBytes);
    } catch (error) {
      throw connectionFailure(error, this.address.base);
    }
  }
}

/** An error of `fetch`, or of reading a body, as a failed request to `base`. */
export function connectionFailure(error: unknown, base: string): ConnectionFailure {
  const fault = readConnectionFault(error);
  const message = cannotUse(base, fault).replace(/^c/, "C");
  return new ConnectionFailure(message, fault.broke, { cause: error });
}

/** The kind of a body, for messages. */
export function describeBody(headers: Headers): string {
  const type = mediaTypeOf(headers);
  if (type === "text/html") return "a web page";
  return /^[\w.+-]+\/[\w.+-]+$/.test(type) ? type : "a body of no known type";
}
