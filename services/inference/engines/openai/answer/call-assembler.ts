import { parseJson } from "../../../../../core/json.ts";
import type { ToolCallDelta } from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { newCallId, toolCallDelta } from "../../upstream/tool-call-delta.ts";
import type { WrittenCall } from "./chunk.ts";
import type { MadeCall } from "./form-fault.ts";

interface Call {
  readonly number: number;
  readonly writtenIndex: number | undefined;
  /** Empty until they are known; nothing of the call goes out before its name. */
  id: string;
  name: string;
  opened: boolean;
  /** All arguments so far. */
  argumentsJson: string;
}

/**
 * Puts the pieces of tool calls into order: calls are numbered from 0 without gaps, and the first piece of each
 * carries its id and name, whatever the server wrote. It may leave out the index or give every call the same one,
 * repeat id and name in every piece, leave out the id, or give the name after the first arguments.
 */
export class CallAssembler {
  readonly #most: number;
  readonly #calls: Call[] = [];

  /** Of more calls than `most` nothing goes out: the request has asked for no more. */
  constructor(most: number) {
    this.#most = most;
  }

  /** The calls of which something has gone out, as far as they are known. */
  get opened(): readonly MadeCall[] {
    return this.#calls.filter(({ opened }) => opened);
  }

  /** The pieces to hand on for those that came. */
  push(written: readonly WrittenCall[]): ToolCallDelta[] {
    return written.flatMap((piece) => {
      const call = this.#callOf(piece);
      call.name ||= piece.name;
      call.id ||= piece.id;
      call.argumentsJson += piece.argumentsJson;
      if (call.number >= this.#most || call.name === "") return [];
      if (call.opened)
        return piece.argumentsJson === "" ? [] : [toolCallDelta(call.number, "", "", piece.argumentsJson)];
      call.opened = true;
      return [toolCallDelta(call.number, call.id || newCallId(), call.name, call.argumentsJson)];
    });
  }

  /** What is missing once nothing follows: calls without arguments get an empty object. */
  end(): ToolCallDelta[] {
    return this.#calls
      .filter(({ opened, argumentsJson }) => opened && argumentsJson === "")
      .map((call) => {
        call.argumentsJson = "{}";
        return toolCallDelta(call.number, "", "", call.argumentsJson);
      });
  }

  /** The call that a piece belongs to: by its index where it has one, else the latest; or a new one. */
  #callOf(piece: WrittenCall): Call {
    const { index } = piece;
    const known =
      index === undefined
        ? this.#calls.at(-1)
        : this.#calls.findLast(({ writtenIndex }) => writtenIndex === index);
    if (known !== undefined && !beginsAnother(piece, known)) return known;
    const call: Call = {
      number: this.#calls.length,
      writtenIndex: index,
      id: "",
      name: "",
      opened: false,
      argumentsJson: "",
    };
    this.#calls.push(call);
    return call;
  }
}

/** A name with another id does, and, without ids, a name behind arguments that are complete. */
function beginsAnother({ id, name }: WrittenCall, known: Call): boolean {
  if (name === "") return false;
  if (id !== "" && known.id !== "") return id !== known.id;
  return id === "" && known.id === "" && parseJson(known.argumentsJson) !== undefined;
}
