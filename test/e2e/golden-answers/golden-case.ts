import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * A golden file: a line that says what it shows, a request, a divider, and the answer to it.
 *
 *     # A model that nobody serves.
 *     GET /v1/models/none
 *     authorization: Bearer <key>
 *
 *     ======
 *     404
 *     content-type: application/json; charset=utf-8
 *
 *     {"error":…}
 *
 * Header lines are in lower case. The bodies are exact to the last byte.
 */
export interface GoldenCase {
  /** Its path below the folder, without ending. */
  readonly name: string;
  readonly path: string;
  readonly title: string;
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined for none. */
  readonly body: string | undefined;
  /** Status, headers and body; empty while nobody has written them. */
  readonly answer: string;
}

const divider = "\n======\n";

/** All golden files of a folder of test/golden, in order. */
export function readGoldenCases(folder: string): GoldenCase[] {
  const root = fileURLToPath(new URL(`../../golden/${folder}/`, import.meta.url));
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".txt"))
    .sort()
    .map((name) => parseCase(join(root, name), relative(root, join(root, name)).replaceAll(sep, "/")));
}

/** Puts another answer into a golden file. */
export function writeAnswer({ path }: GoldenCase, answer: string): void {
  writeFileSync(path, `${splitOnce(readFileSync(path, "utf8"), divider)[0]}${divider}${answer}`);
}

function parseCase(path: string, name: string): GoldenCase {
  const [request, answer] = splitOnce(readFileSync(path, "utf8"), divider);
  const [head, body] = splitOnce(request, "\n\n");
  const [title = "", line = "", ...headers] = head.split("\n");
  const [method = "", target = ""] = line.split(" ");
  if (!title.startsWith("# ") || !target.startsWith("/"))
    throw new Error(`${path} does not begin with a title and a request line.`);
  return {
    name: name.slice(0, -".txt".length),
    path,
    title: title.slice(2),
    method,
    target,
    headers: Object.fromEntries(headers.map((header) => splitOnce(header, ": "))),
    body: body === "" ? undefined : body,
    answer,
  };
}

function splitOnce(text: string, at: string): [string, string] {
  const index = text.indexOf(at);
  return index < 0 ? [text, ""] : [text.slice(0, index), text.slice(index + at.length)];
}
