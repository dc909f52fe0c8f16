import { type Shape, shapes, startMesh } from "../../test/support/mesh.ts";
import { at, type Section } from "./section.ts";

/** How long a node may go on for a client that has left, in milliseconds. */
const limitMs = 250;

/** Clients that leave before their answer has ended: how long until the node has freed the slot. */
export async function leavingClients(clients: number): Promise<Section> {
  const measured: { readonly name: string; readonly ms: readonly number[] }[] = [];
  for (const shape of shapes)
    for (const stream of [true, false])
      measured.push({
        name: `${stream ? "streams" : "whole answers"} ${shape}`,
        ms: await leave(shape, stream, clients),
      });
  return {
    title: `${clients} clients leave at once in the middle of their answers`,
    rows: [
      ["until the node has freed the slot, ms", ...measured.map(({ name }) => name)],
      ...[0.5, 0.99, 1].map((share) => [
        share === 1 ? "the longest" : `p${100 * share}`,
        ...measured.map(({ ms }) => at(ms, share).toFixed(0)),
      ]),
    ],
    targets: measured.map(({ name, ms }) => ({
      holds: at(ms, 0.99) <= limitMs,
      says: `${name}: slot free after p99 <= ${limitMs} ms: ${at(ms, 0.99).toFixed(0)}`,
    })),
  };
}

async function leave(shape: Shape, stream: boolean, clients: number): Promise<number[]> {
  const pace = ["--first-token-ms", "0", "--tokens-per-second", "20", "--answer-tokens", "100000"];
  const engine = ["--engine", "synthetic", "--slots", String(clients), ...pace];
  const mesh = await startMesh(shape, { engine, nodes: ["attached"] });
  try {
    const node = mesh.programs.get("up") ?? mesh.programs.get("attached")!;
    const controller = new AbortController();
    const asked = Array.from({ length: clients }, async (_, index) => {
      const response = await fetch(`${mesh.url}/v1/chat/completions`, {
        method: "POST",
        headers: { ...mesh.headers, "x-request-id": `leaver-${index}` },
        body: JSON.stringify({ model: mesh.model, messages: [{ role: "user", content: "Go on." }], stream }),
        signal: controller.signal,
      });
      await response.body?.getReader().read();
    });
    const settled = Promise.allSettled(asked);
    if (stream) await Promise.all(asked);
    // Where nothing is shown, they have surely begun by then.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const left = Date.now();
    controller.abort();
    await settled;
    const ends = await Promise.all(
      Array.from({ length: clients }, (_, index) =>
        node.logged(
          ({ service, outcome, request_id }) =>
            service === "inference" && outcome === "cancelled" && request_id === `leaver-${index}`,
        ),
      ),
    );
    return ends.map(({ time }) => Date.parse(time) - left).sort((a, b) => a - b);
  } finally {
    await mesh.stop();
  }
}
