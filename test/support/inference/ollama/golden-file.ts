/** One request that the engine is to make, and what Ollama answers. */
export interface Exchange {
  /** Such as `POST /api/chat`. */
  readonly request: string;
  /** JSON text; empty for none. */
  readonly requestBody: string;
  readonly status: number;
  /** Empty for none. */
  readonly contentType: string;
  /** True: the connection breaks behind the body instead of ending. */
  readonly broken: boolean;
  /** The bytes, as text. */
  readonly body: string;
}

/** A recorded case. */
export interface GoldenFile {
  /** What it shows and where it comes from; lines without their `#`. */
  readonly comment: readonly string[];
  /** What is asked of the engine: `generate`, `models` or `pull`, perhaps with a version of Ollama behind `@`. */
  readonly call: string;
  /** JSON: the generation, the engine's options, or the model's name. */
  readonly asked: string;
  readonly exchanges: readonly Exchange[];
  /** What comes of it. */
  readonly told: readonly string[];
}

const rule = "\n======\n";

/**
 * Reads a case: comment, call and JSON; then for each exchange the request and the answer; then what comes of it. The
 * parts are apart by lines of six equals signs. `\r`, `\0` and such are written out only inside of JSON.
 */
export function parseGolden(text: string): GoldenFile {
  const parts = text.replace(/\n$/, "").split(rule);
  const head = parts[0]!.split("\n");
  const comment = head.filter((line) => line.startsWith("#")).map((line) => line.slice(2));
  const [call = "", ...asked] = head.filter((line) => !line.startsWith("#"));
  const between = parts.slice(1, -1);
  const exchanges = [];
  for (let index = 0; index < between.length; index += 2)
    exchanges.push(parseExchange(between[index]!, between[index + 1] ?? ""));
  const told = parts.length > 1 ? parts.at(-1)! : "";
  return { comment, call, asked: asked.join("\n"), exchanges, told: told === "" ? [] : told.split("\n") };
}

function parseExchange(asks: string, answers: string): Exchange {
  const [request = "", ...body] = asks.split("\n");
  const [head, ...rest] = answers.split("\n\n");
  const [status, ...headers] = head!.split("\n");
  return {
    request,
    requestBody: body.join("\n"),
    status: Number(status),
    contentType: headers.find((line) => line.startsWith("content-type: "))?.slice(14) ?? "",
    broken: headers.includes("connection: broken"),
    // The file's own line break is not part of a body, so a body that ends with one shows an empty line.
    body: rest.join("\n\n"),
  };
}

/** The text of a case, which `parseGolden` reads back. */
export function formatGolden({ comment, call, asked, exchanges, told }: GoldenFile): string {
  const parts = [
    [...comment.map((line) => `# ${line}`), call, asked].join("\n"),
    ...exchanges.flatMap((exchange) => [
      [exchange.request, exchange.requestBody].filter((line) => line !== "").join("\n"),
      `${[
        exchange.status,
        ...(exchange.contentType === "" ? [] : [`content-type: ${exchange.contentType}`]),
        ...(exchange.broken ? ["connection: broken"] : []),
      ].join("\n")}\n\n${exchange.body}`,
    ]),
    told.join("\n"),
  ];
  return `${parts.join(rule)}\n`;
}
