import { parseArgs } from "node:util";
import { toBinary } from "@bufbuild/protobuf";
import { GenerationSchema } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { parseChatRequest } from "../../services/translator/chat/request/index.ts";
import { parseJsonBody } from "../../services/translator/http/json-body.ts";
import { show, spread } from "../relay/summary.ts";
import { alignColumns } from "../relay/table.ts";
import { type Sample, samples } from "./requests.ts";

/** How to call it. */
export const usage = `npm run bench -- parse [options]

Time from a request's bytes to the generation that the mesh passes on, beside \`JSON.parse\` of the same bytes, which
nothing that reads JSON can do without.

  --rounds N              how often each step is measured, steps taking turns (9)
`;

/** How long one step is repeated in one round, in milliseconds. */
const roundMs = 60;

/** What is done with a body; each step includes the one before. */
const steps: readonly { readonly title: string; readonly run: (body: Buffer) => unknown }[] = [
  { title: "JSON.parse", run: (body) => JSON.parse(body.toString()) },
  { title: "bytes, depth and JSON checked", run: parseJsonBody },
  { title: "every field checked, a generation made", run: (body) => parseChatRequest(parseJsonBody(body)) },
  {
    title: "encoded for the next hop",
    run: (body) => toBinary(GenerationSchema, parseChatRequest(parseJsonBody(body)).generation),
  },
];

/** Measures and prints. Returns the exit code. */
export async function parse(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { rounds: { type: "string", default: "9" } } });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds takes a whole number from 1.");
  process.stdout.write(
    `parse benchmark: Node ${process.versions.node}, rounds: ${rounds}, median (min–max)\n`,
  );
  for (const sample of samples) process.stdout.write(reportOf(sample, measure(sample, rounds)));
  return 0;
}

/** Microseconds of each step in each round. */
function measure({ body }: Sample, rounds: number): number[][] {
  // The first round is for practice: V8 compiles what runs hot.
  for (const step of steps) repeat(step.run, body);
  const micros: number[][] = steps.map(() => []);
  for (let round = 0; round < rounds; round++)
    steps.forEach(({ run }, index) => void micros[index]!.push(repeat(run, body)));
  return micros;
}

function repeat(run: (body: Buffer) => unknown, body: Buffer): number {
  const begunAt = performance.now();
  let times = 0;
  let spentMs = 0;
  do {
    run(body);
    times++;
    spentMs = performance.now() - begunAt;
  } while (spentMs < roundMs);
  return (spentMs * 1000) / times;
}

function reportOf({ title, body }: Sample, micros: readonly number[][]): string {
  const rows = steps.map((step, index) => {
    const own = micros[index]!;
    const ratios = own.map((value, round) => value / micros[0]![round]!);
    return [step.title, show(spread(own), 2), show(spread(ratios), 2)];
  });
  const table = alignColumns([["", "µs", "x JSON.parse"], ...rows]);
  return `\n${title}, ${body.length.toLocaleString("en")} bytes\n\n${table}`;
}
