import { startMesh } from "../../test/support/mesh.ts";
import type { LossPlan } from "./lose-process.ts";
import { at, type Section } from "./section.ts";
import { countDiffering, countFailed, longestGaps, openStreams } from "./streams.ts";

/** How long the reader of an answer may wait whose engine hangs while its process answers pings, in milliseconds. */
const limitMs = 2000;

/** Engines that hang in the middle of one answer in three. */
export async function hungEngines({ streams, tokens, tokensPerSecond }: LossPlan): Promise<Section> {
  const pace = [
    "--first-token-ms",
    "0",
    "--tokens-per-second",
    String(tokensPerSecond),
    "--arrivals",
    "random",
  ];
  const engine = ["--engine", "synthetic", "--slots", String(streams), ...pace];
  const mesh = await startMesh("in many processes", { engine });
  try {
    const plan = {
      port: Number(new URL(mesh.url).port),
      apiKey: mesh.apiKey,
      model: mesh.model,
      streams,
      tokens,
    };
    const hangs = (index: number) => index % 3 === 0;
    const begun = performance.now();
    const expected = await openStreams(plan).ended;
    const again = performance.now();
    const seen = await openStreams({
      ...plan,
      more: (index) =>
        hangs(index)
          ? { chat_template_kwargs: { synthetic: { faults: [{ kind: "hang", afterTokens: 15 }] } } }
          : {},
    }).ended;
    const gapsMs = longestGaps(
      seen.filter((_, index) => hangs(index)),
      again,
    );
    const undisturbedMs = at(
      longestGaps(
        expected.filter((_, index) => hangs(index)),
        begun,
      ),
      0.99,
    );
    const addedMs = at(gapsMs, 0.99) - undisturbedMs;
    const [failed, differing] = [countFailed(seen), countDiffering(seen, expected)];
    return {
      title: `${streams} streams, the engine of one in three of which hangs while its process lives`,
      rows: [
        ["streams that hang", String(gapsMs.length)],
        ["streams that failed", String(failed)],
        ["streams whose text or usage is not that of an undisturbed run", String(differing)],
        ["longest time without a token, 99th percentile, ms", at(gapsMs, 0.99).toFixed(0)],
        ["added at the 99th percentile, ms", addedMs.toFixed(0)],
      ],
      targets: [
        { holds: failed === 0 && differing === 0, says: "no stream fails, no token differs" },
        { holds: addedMs <= limitMs, says: `added stall p99 <= ${limitMs} ms: ${addedMs.toFixed(0)}` },
      ],
    };
  } finally {
    await mesh.stop();
  }
}
