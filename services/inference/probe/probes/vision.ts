import { Role } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { shownIf } from "../finding.ts";
import type { Probe } from "../probe.ts";
import { toSolidPng } from "../solid-png.ts";
import type { Trial } from "../trial.ts";

/** Pixels on each side; some models refuse anything smaller than a patch of theirs. */
const side = 224;

const question = "Which colour fills this picture: red, green or blue? Answer with one word.";

/** The colours of two pictures are told apart. A server that drops pictures, or shows them as text, cannot. */
export const vision: Probe = {
  name: "vision",
  isClaimed: ({ capabilities }) => capabilities?.vision === true,
  async attempt(trial) {
    const [red, blue] = [await look(trial, [230, 0, 0]), await look(trial, [0, 0, 230])];
    const told = /\bred\b/.test(red) && !/\bred\b/.test(blue) && /\bblue\b/.test(blue);
    return shownIf(told, "a red picture and a blue one were not told apart");
  },
};

async function look(trial: Trial, colour: readonly [number, number, number]): Promise<string> {
  const image = { data: toSolidPng(side, colour), mimeType: "image/png" };
  const parts = [
    { part: { case: "image" as const, value: image } },
    { part: { case: "text" as const, value: question } },
  ];
  return (await trial.ask({ messages: [{ role: Role.USER, parts }] }, 32)).text.toLowerCase();
}
