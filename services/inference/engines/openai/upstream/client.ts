import type { Clock } from "../../../../../core/clock.ts";
import type { Address } from "../../../servers/address.ts";
import { mediaTypeOf } from "../../../servers/ask.ts";
import { cannotUse, readConnectionFault } from "../../../servers/connection-fault.ts";
import { boundedText } from "../../upstream/bounded-body.ts";
import { readHttpFault, type UpstreamFault } from "./fault.ts";

/** A connection that failed, or brought what cannot be used. */
export interface Unusable {
  /** Whether the connection stood before it broke. */
  readonly broke: boolean;
  /** For the provider: what is wrong, where, and what to do. */
  readonly words: string;
}

/** A request that did not bring what it was for: the server refused it, or the connection failed. */
export class RequestFailure extends Error {
  override readonly name = "RequestFailure";
  readonly fault: UpstreamFault | Unusable;

  constructor(fault: UpstreamFault | Unusable, options?: ErrorOptions) {
    super("words" in fault ? fault.words : fault.message, options);
    this.fault = fault;
  }
}

/** The most that is read of a body that is not a stream, in bytes: embeddings of many texts are large. */
const bodyLimitBytes = 64 * 1024 * 1024;
/** The same of a body that describes a failure. */
const faultLimitBytes = 64 * 1024;

/** Sends requests to one server. Bodies are always read to their end or given up, so no connection stays behind. */
export class UpstreamClient {
  readonly address: Address;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #clock: Clock;

  constructor(address: Address, apiKey: string | undefined, clock: Clock) {
    this.address = address;
    this.#headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
    this.#clock = clock;
  }

  /**
   * Whether the server answers a cheap question. A refusal is an answer too, for it shows that the process runs; what a
   * proxy says of a server that is gone (5xx) is none.
   */
  async answers(signal: AbortSignal): Promise<boolean> {
    const url = `${this.address.base}/models`;
    const response = await fetch(url, { headers: this.#headers, signal, redirect: "manual" });
    await this.readText(response);
    return response.status < 500;
  }

  /** The response to a POST of JSON, once its headers are there and its status is 200; throws `RequestFailure`. */
  post(
    path: string,
    body: string,
    given: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Response> {
    const headers = { ...this.#headers, ...given, "content-type": "application/json" };
    return this.#send(`${this.address.base}${path}`, { method: "POST", headers, body, signal });
  }

  /** The text of a body; what goes beyond the limit is let go; throws `RequestFailure` when it breaks off. */
  async readText(response: Response, limitBytes = bodyLimitBytes): Promise<string> {
    try {
      return await boundedText(response.body, limitBytes);
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /**
   * A request without its body's end. Redirects are not followed: they would carry the key to another place. A
   * connection that was kept from an earlier request may have been closed by the server just now, so one that breaks
   * before any answer is tried once more, on a new one.
   */
  async #send(url: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(url, { ...init, redirect: "manual" });
    } catch (error) {
      init.signal?.throwIfAborted();
      if (!readConnectionFault(error).broke) throw this.#failed(error);
      try {
        response = await fetch(url, { ...init, redirect: "manual" });
      } catch (again) {
        init.signal?.throwIfAborted();
        throw this.#failed(again);
      }
    }
    if (response.status === 200) return response;
    const text = await this.readText(response, faultLimitBytes);
    throw new RequestFailure(readHttpFault(response.status, response.headers, text, this.#clock.wallTime()));
  }

  #failed(error: unknown): RequestFailure {
    return connectionFailure(error, this.address.base);
  }
}

/** What `fetch`, or reading a body, has thrown, as a failed request to the server at `base`. */
export function connectionFailure(error: unknown, base: string): RequestFailure {
  const fault = readConnectionFault(error);
  const words = cannotUse(base, fault).replace(/^c/, "C");
  return new RequestFailure({ broke: fault.broke, words }, { cause: error });
}

/** What kind of body came, for messages. */
export function describeBody(headers: Headers): string {
  const type = mediaTypeOf(headers);
  if (type === "text/html") return "a web page";
  return /^[\w.+-]+\/[\w.+-]+$/.test(type) ? type : "a body of no known type";
}
