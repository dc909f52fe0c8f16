import { parseJson } from "../../../../../core/json.ts";
import type { ToolCallDelta } from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { newCallId, toolCallDelta } from "../../tools/tool-use.ts";
import type { WrittenCall } from "./chunk.ts";

/** A call that the model made. */
export interface MadeCall {
  readonly name: string;
  readonly argumentsJson: string;
}

interface Call {
  readonly number: number;
  readonly writtenIndex: number | undefined;
  /** Empty until known; nothing is sent before the name. */
  id: string;
  name: string;
  opened: boolean;
  argumentsJson: string;
}

/**
 * Normalizes pieces of tool calls: numbered from 0, id and name in the first piece. Servers omit or repeat
 * index and id, and repeat the name or send it after the first arguments.
 */
export class CallAssembler {
  readonly #most: number;
  readonly #calls: Call[] = [];

  /** Calls beyond `most` are dropped. */
  constructor(most: number) {
    this.#most = most;
  }

  get opened(): readonly MadeCall[] {
    return this.#calls.filter(({ opened }) => opened);
  }

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

  /** At the end: an empty object for calls without arguments. */
  end(): ToolCallDelta[] {
    return this.#calls
      .filter(({ opened, argumentsJson }) => opened && argumentsJson === "")
      .map((call) => {
        call.argumentsJson = "{}";
        return toolCallDelta(call.number, "", "", call.argumentsJson);
      });
  }

  /** The call of a piece: by its index, else the latest, else a new one. */
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

/** A name with another id does or, without ids, a name after complete arguments. */
function beginsAnother({ id, name }: WrittenCall, known: Call): boolean {
  if (name === "") return false;
  if (id !== "" && known.id !== "") return id !== known.id;
  return id === "" && known.id === "" && parseJson(known.argumentsJson) !== undefined;
}
