import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Generation } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { OpenRequest } from "../http/open-requests.ts";
import { type AnswerReader, type AnswerWriter, readAnswer } from "./read-answer.ts";

/** Reads the answers to one request side by side, each into a writer of its own; when one fails, so do all. */
export async function readAnswers(
  reader: AnswerReader,
  { generations, open }: { readonly generations: readonly Generation[]; readonly open: OpenRequest },
  writers: readonly AnswerWriter[],
): Promise<void> {
  try {
    await Promise.all(
      generations.map((generation, index) => readAnswer(reader, generation, open.signal, writers[index]!)),
    );
  } catch (error) {
    open.abort(new MeshError("cancelled", "Another answer to the same request failed."));
    throw error;
  }
}
