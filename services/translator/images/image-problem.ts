import type { MeshError } from "../../../core/errors/mesh-error.ts";

/** Why an image cannot be loaded. `message` is half a sentence; each surface turns it into its own fault. */
export class ImageProblem extends Error {
  override readonly name = "ImageProblem";
  readonly code: "invalid_image_url" | "invalid_image_format";

  constructor(message: string, code: ImageProblem["code"] = "invalid_image_url") {
    super(message);
    this.code = code;
  }
}

/** The image has an unsupported format. */
export const wrongFormat = () =>
  new ImageProblem("the image has none of the formats png, jpeg, gif and webp.", "invalid_image_format");

/** Converts a problem to a fault of a surface that names the image's parameter. */
export type ToImageFault = (problem: ImageProblem) => MeshError;

/** Runs `read` and throws problems as faults of the surface. */
export function orImageFault<T>(toFault: ToImageFault, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    throw thrown instanceof ImageProblem ? toFault(thrown) : thrown;
  }
}
