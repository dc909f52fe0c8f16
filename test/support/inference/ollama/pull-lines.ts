import { createHash } from "node:crypto";
import type { Line } from "./answer-lines.ts";

/** The lines of server/images.go's `PullModel`. */
export async function* pullLines(model: string): AsyncGenerator<Line> {
  yield { status: "pulling manifest" };
  if (!model.startsWith("starter")) {
    yield { error: "pull model manifest: file does not exist" };
    return;
  }
  const digest = `sha256:${createHash("sha256").update(model).digest("hex")}`;
  const status = `pulling ${digest.slice(7, 19)}`;
  yield { status, digest, total: 2964480 };
  yield { status, digest, total: 2964480, completed: 1048576 };
  yield { status, digest, total: 2964480, completed: 2964480 };
  yield { status: "verifying sha256 digest" };
  yield { status: "writing manifest" };
  yield { status: "success" };
}
