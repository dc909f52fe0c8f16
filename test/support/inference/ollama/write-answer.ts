import type { ServerResponse } from "node:http";
import { type Answer, toRefusal } from "./refusals.ts";

/** Streams as `streamResponse` does: the status goes out with the first line, so what fails before it has one. */
export async function writeAnswer(
  response: ServerResponse,
  answer: Answer,
  breaks: (lines: number) => boolean,
): Promise<void> {
  if (!("lines" in answer)) {
    response.writeHead(answer.status, { "content-type": answer.type });
    response.end(answer.text);
    return;
  }
  let lines = 0;
  try {
    for await (const line of answer.lines) {
      if (!response.headersSent) response.writeHead(200, { "content-type": "application/x-ndjson" });
      response.write(`${JSON.stringify(line)}\n`);
      if (breaks(++lines)) {
        // What was written goes out first, as it would from a server that ends in the middle.
        response.socket?.destroySoon();
        return;
      }
    }
    response.end();
  } catch (error) {
    const refused = toRefusal(error) as Extract<Answer, { text: string }>;
    if (response.headersSent) response.end(`${refused.text}\n`);
    else {
      response.writeHead(refused.status, { "content-type": refused.type });
      response.end(refused.text);
    }
  }
}
