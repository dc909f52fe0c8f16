import type { MeshError } from "../../../core/errors/mesh-error.ts";

/** Why an image cannot be had. `message` is half a sentence; each surface makes its own fault of it. */
export class ImageProblem extends Error {
  override readonly name = "ImageProblem";
  readonly code: "invalid_image_url" | "invalid_image_format";

  constructor(message: string, code: ImageProblem["code"] = "invalid_image_url") {
    super(message);
    this.code = code;
  }
}

/** The bytes are of no kind of image that models take. */
export const wrongFormat = () =>
  new ImageProblem("the image has none of the formats png, jpeg, gif and webp.", "invalid_image_format");

/** Says what is wrong with an image in the words of a surface, naming the parameter that the image came in. */
export type ToImageFault = (problem: ImageProblem) => MeshError;

/** Runs `read`; a problem that it finds is thrown as the fault that it is on this surface. */
export function orImageFault<T>(toFault: ToImageFault, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    throw thrown instanceof ImageProblem ? toFault(thrown) : thrown;
  }
}
