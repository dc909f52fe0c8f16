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
 * Header lines are in lower case. The bodies are exact to the last byte. Where a case takes several requests, each
 * further one follows its predecessor's answer after a line of dashes; `<1.id>` in it stands for the first `id` in the
 * first answer, and likewise for other answers and names.
 */
export interface GoldenCase {
  /** Its path below test/golden, without ending. */
  readonly name: string;
  readonly path: string;
  readonly title: string;
  /** In order; at least one. */
  readonly exchanges: readonly GoldenExchange[];
}

/** A request and the answer to it. */
export interface GoldenExchange {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined for none. */
  readonly body: string | undefined;
  /** Status, headers and body; empty while nobody has written them. */
  readonly answer: string;
}

const divider = "\n======\n";
const nextExchange = "\n------\n";

const root = fileURLToPath(new URL("../../golden/", import.meta.url));

/** All golden files below folders of test/golden, in order. */
export function readGoldenCases(folders: readonly string[]): GoldenCase[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".txt"))
      .sort()
      .map((name) => parseCase(join(root, folder, name))),
  );
}

/** Puts other answers into a golden file, in order. */
export function writeAnswers({ path }: GoldenCase, answers: readonly string[]): void {
  const exchanges = splitFile(path).map(
    (exchange, index) => `${splitOnce(exchange, divider)[0]}${divider}${answers[index]}`,
  );
  writeFileSync(path, exchanges.join(nextExchange));
}

/** A text with what `<1.id>` and the like stand for. */
export const fillIn = (text: string, answers: readonly string[]): string =>
  text.replace(/<(\d+)\.(\w+)>/g, (_, number: string, name: string) => {
    const found = new RegExp(`"${name}":"([^"]*)"`).exec(answers[Number(number) - 1] ?? "")?.[1];
    if (found === undefined) throw new Error(`Answer ${number} has no \`${name}\`.`);
    return found;
  });

const splitFile = (path: string): string[] => readFileSync(path, "utf8").split(nextExchange);

function parseCase(path: string): GoldenCase {
  const [first = "", ...further] = splitFile(path);
  const [title, exchange] = splitOnce(first, "\n");
  if (!title.startsWith("# ")) throw new Error(`${path} does not begin with a title.`);
  return {
    name: relative(root, path).replaceAll(sep, "/").slice(0, -".txt".length),
    path,
    title: title.slice(2),
    exchanges: [exchange, ...further].map((text) => parseExchange(path, text)),
  };
}

function parseExchange(path: string, text: string): GoldenExchange {
  const [request, answer] = splitOnce(text, divider);
  const [head, body] = splitOnce(request, "\n\n");
  const [line = "", ...headers] = head.split("\n");
  const [method = "", target = ""] = line.split(" ");
  if (!target.startsWith("/")) throw new Error(`${path} lacks a request line.`);
  return {
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
