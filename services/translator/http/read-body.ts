import type { Readable } from "node:stream";
import type { FastifyRequest } from "fastify";
import { inOwnTurn, inTurnFor } from "../../../core/streams/own-turn.ts";
import { badRequest, bodyTooLarge } from "../errors/http-faults.ts";
import { JsonBody, type JsonObject } from "./json-body.ts";

/** How much of a body is taken in one turn, in bytes: 2 ms at the most. Node would hand out 2 MiB of each connection. */
const bytesPerTurn = 256 * 1024;

/** Does a step of the work on a request's body: for a large one in a turn of its own. */
export const workOn = <T>({ bodyBytes }: FastifyRequest, work: () => T): T | Promise<T> =>
  inTurnFor(bodyBytes, work);

/**
 * Reads a JSON body, and refuses it as soon as it exceeds a limit: the rest is dropped as it arrives. A content type
 * parser of Fastify.
 */
export function readJson(
  request: FastifyRequest,
  payload: Readable,
  done: (error: Error | null, body?: JsonObject) => void,
): void {
  const limitBytes = request.routeOptions.bodyLimit;
  const announced = Number(request.headers["content-length"]);
  if (announced > limitBytes) {
    done(bodyTooLarge(limitBytes));
    return;
  }
  const body = new JsonBody();
  let received = 0;
  let takenInTurn = 0;

  const take = (chunk: Buffer) => {
    received += chunk.length;
    takenInTurn += chunk.length;
    if (takenInTurn >= bytesPerTurn) {
      payload.pause();
      void inOwnTurn(() => {
        takenInTurn = 0;
        payload.resume();
      });
    }
    try {
      if (received > limitBytes) throw bodyTooLarge(limitBytes);
      body.take(chunk);
    } catch (fault) {
      stop();
      done(fault as Error);
    }
  };
  const finish = async () => {
    stop();
    // Fewer bytes than announced.
    if (!Number.isNaN(announced) && received !== announced) throw badRequest();
    request.bodyBytes = received;
    await workOn(request, () => body.join());
    return workOn(request, () => body.parse());
  };
  const end = () => void finish().then((value) => done(null, value), done);
  /** The connection broke. */
  const fail = () => {
    stop();
    done(badRequest());
  };
  const stop = () => {
    payload.off("data", take);
    payload.off("end", end);
    payload.off("error", fail);
  };
  payload.on("data", take);
  payload.on("end", end);
  payload.on("error", fail);
}
