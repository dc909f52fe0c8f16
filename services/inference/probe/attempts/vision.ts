import { crc32, deflateSync } from "node:zlib";
import { Role } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type Attempt, shownIf, type Trial } from "../trial.ts";

/** Pixels per side; some models refuse images smaller than one patch. */
const side = 224;

const question = "Which colour fills this picture: red, green or blue? Answer with one word.";

/** Two images of different colours are distinguished. A server that drops images, or shows them as text, fails. */
export const vision: Attempt = async (trial) => {
  const [red, blue] = [await look(trial, [230, 0, 0]), await look(trial, [0, 0, 230])];
  const areDistinguished = /\bred\b/.test(red) && !/\bred\b/.test(blue) && /\bblue\b/.test(blue);
  return shownIf(areDistinguished, "a red image and a blue one were not distinguished");
};

async function look(trial: Trial, colour: readonly [number, number, number]): Promise<string> {
  const image = { data: toSolidPng(side, colour), mimeType: "image/png" };
  const parts = [
    { part: { case: "image" as const, value: image } },
    { part: { case: "text" as const, value: question } },
  ];
  return (await trial.ask({ messages: [{ role: Role.USER, parts }] }, 32)).text.toLowerCase();
}

/** A square PNG (RFC 2083) of one colour: red, green and blue in [0, 255]. */
export function toSolidPng(side: number, colour: readonly [number, number, number]): Uint8Array<ArrayBuffer> {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  // 8 bits for each of three colours.
  header.set([8, 2, 0, 0, 0], 8);
  // A row starts with its filter, 0 for none.
  const row = [0, ...Array.from({ length: side }, () => colour).flat()];
  const pixels = deflateSync(Buffer.concat(Array.from({ length: side }, () => Buffer.from(row))));
  return Uint8Array.from(
    Buffer.concat([
      signature,
      toChunk("IHDR", header),
      toChunk("IDAT", pixels),
      toChunk("IEND", Buffer.alloc(0)),
    ]),
  );
}

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

function toChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "ascii"), data]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}
