import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { ImageSchema } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import { wrongImage } from "../errors/param-faults.ts";
import { createImageFetcher, fetchTimeoutMs } from "./image-fetcher.ts";
import { addRemote, type RemoteImage } from "./parse-image.ts";

const { signal: never } = new AbortController();

function pictures(count: number) {
  const remote: RemoteImage[] = [];
  for (let index = 0; index < count; index++)
    addRemote(remote, {
      url: new URL(`http://host${index}.test/`),
      image: create(ImageSchema),
      toFault: wrongImage(`images[${index}]`),
    });
  return remote;
}

/** A fetcher in a network where names are asked for and never answered. */
function inSilence() {
  const clock = new FakeClock();
  const asked: string[] = [];
  const fetchImages = createImageFetcher(clock, {
    isAllowed: () => true,
    resolveName: (name) => {
      asked.push(name);
      return new Promise(() => {});
    },
  });
  return { clock, asked, fetchImages };
}

test("an image that was fetched late because of others is not the request's fault", async () => {
  const { clock, asked, fetchImages } = inSilence();
  const first = fetchImages(pictures(16), never).catch((error: unknown) => error);
  await clock.advance(1000);
  const second = fetchImages(pictures(1), never).catch((error: unknown) => error);
  expect(asked).toHaveLength(16);
  await clock.advance(fetchTimeoutMs - 1000);
  // The first of its images that failed.
  expect(await first).toMatchObject({ kind: "invalid_request", param: "images[0]" });
  expect(asked).toHaveLength(17);
  await clock.advance(1000);
  expect(await second).toMatchObject({ kind: "saturated", retryAfterMs: 1000 });
  expect(clock.pending).toBe(0);
});

test("a request without images to fetch does not wait", async () => {
  const { clock, fetchImages } = inSilence();
  await fetchImages([], never);
  expect(clock.pending).toBe(0);
});
