import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import { FakeClock } from "../../support/core/fake-clock.ts";
import { fetchAll, loopbackNetwork, pictures, sending, servePictures } from "./support.ts";

const unreachable =
  "Invalid image URL: the image could not be fetched. Check that the URL can be opened from the public internet, or send the image itself, in base64.";

describe("a picture", () => {
  test.each(Object.entries(pictures))("comes as it is: %s", async (kind, bytes) => {
    const { port } = await servePictures(sending(bytes, `image/${kind}; charset=binary`));
    const [image] = await fetchAll([`http://pictures.test:${port}/a.png?size=1#top`]);
    expect(image).toMatchObject({ mimeType: `image/${kind}` });
    expect(Buffer.from(image!.data)).toEqual(bytes);
  });

  test("is asked for without anything of this process", async () => {
    const { port, requests } = await servePictures(sending(pictures.png));
    await fetchAll([`http://pictures.test:${port}/a%20b.png?size=1#top`]);
    expect(requests).toEqual([
      {
        url: "/a%20b.png?size=1",
        to: "127.0.0.1",
        headers: {
          host: `pictures.test:${port}`,
          accept: "image/png, image/jpeg, image/gif, image/webp",
          "accept-encoding": "identity",
          "user-agent": "cxmpute-mesh",
          connection: "close",
        },
      },
    ]);
  });

  test("comes from several places at once, or not at all", async () => {
    const { port, requests } = await servePictures((request, response) => {
      if (request.url === "/missing.png") response.writeHead(404).end();
      else sending(pictures.png)(request, response);
    });
    const at = (path: string) => `http://pictures.test:${port}${path}`;
    const images = await fetchAll(["/1.png", "/2.png", "/3.png"].map(at));
    expect(images.map(({ data }) => data.length)).toEqual([70, 70, 70]);
    expect(requests).toHaveLength(3);
    await expect(fetchAll(["/1.png", "/missing.png"].map(at))).rejects.toMatchObject({
      kind: "invalid_request",
      code: "invalid_image_url",
      param: "images[1]",
      message:
        "Invalid image URL: its server answered with status 404 instead of an image. Send the image itself, in base64.",
    });
  });
});

test("the next address of a host is tried when nobody answers at the first", async () => {
  const { port, requests } = await servePictures(sending(pictures.png));
  const network = {
    resolveName: async () => ["127.0.0.9", "127.0.0.1"],
    isAllowed: (address: string) => address.startsWith("127."),
  };
  await fetchAll([`http://pictures.test:${port}/`], { network });
  expect(requests.map(({ to }) => to)).toEqual(["127.0.0.1"]);
});

describe("an address that is not of the public internet", () => {
  test("is not connected to, and is refused in the words of one where nobody answers", async () => {
    const { port, connections } = await servePictures(sending(pictures.png));
    const { network } = loopbackNetwork({
      "private.test": [["127.0.0.2"]],
      "mixed.test": [["127.0.0.1", "127.0.0.2"]],
      "nowhere.test": [[]],
    });
    const urls = [
      `http://private.test:${port}/`,
      `http://mixed.test:${port}/`,
      `http://nowhere.test:${port}/`,
      `http://127.0.0.2:${port}/`,
      // Nobody listens there.
      "http://127.0.0.1:1/",
    ];
    for (const url of urls)
      await expect(fetchAll([url], { network })).rejects.toMatchObject({ message: unreachable });
    expect(connections()).toBe(0);
  });

  test("is not come by through a name that means something else the second time", async () => {
    const { port, requests } = await servePictures(sending(pictures.png));
    const { network, asked } = loopbackNetwork({ "rebinding.test": [["127.0.0.1"], ["127.0.0.2"]] });
    await fetchAll([`http://rebinding.test:${port}/`], { network });
    expect(asked).toEqual(["rebinding.test"]);
    expect(requests.map(({ to }) => to)).toEqual(["127.0.0.1"]);
  });

  test("is not come by through a redirect", async () => {
    const inside = await servePictures(sending(pictures.png));
    const { network } = loopbackNetwork({ "inside.test": [["127.0.0.2"]] });
    for (const location of [
      `http://inside.test:${inside.port}/`,
      `http://127.0.0.2:${inside.port}/`,
      `//[::1]/`,
    ]) {
      const outside = await servePictures((_request, response) =>
        response.writeHead(302, { location }).end(),
      );
      await expect(fetchAll([`http://outside.test:${outside.port}/`], { network })).rejects.toMatchObject({
        message: unreachable,
      });
      expect(outside.requests).toHaveLength(1);
    }
    expect(inside.connections()).toBe(0);
  });
});

describe("redirects", () => {
  test.each([301, 302, 303, 307, 308])("are followed three times, each host resolved: %i", async (status) => {
    const { port, requests } = await servePictures((request, response) => {
      const left = Number(request.url?.slice(1));
      if (left === 0) sending(pictures.png)(request, response);
      else response.writeHead(status, { location: `http://host${left - 1}.test:${port}/${left - 1}` }).end();
    });
    const { network, asked } = loopbackNetwork();
    await fetchAll([`http://host3.test:${port}/3`], { network });
    expect(asked).toEqual(["host3.test", "host2.test", "host1.test", "host0.test"]);
    expect(requests).toHaveLength(4);
    await expect(fetchAll([`http://host4.test:${port}/4`])).rejects.toMatchObject({
      message: "Invalid image URL: the address redirects more than 3 times. Send the final URL of the image.",
    });
    expect(requests).toHaveLength(8);
  });

  test("end a loop", async () => {
    const { port, requests } = await servePictures((_request, response) =>
      response.writeHead(302, { location: "/again" }).end(),
    );
    await expect(fetchAll([`http://loop.test:${port}/`])).rejects.toThrow("redirects more than 3 times");
    expect(requests.map(({ url }) => url)).toEqual(["/", "/again", "/again", "/again"]);
  });

  test.each([
    ["file:///etc/passwd", "images are fetched only from http and https URLs"],
    ["gopher://pictures.test/", "images are fetched only from http and https URLs"],
    ["data:image/png;base64,AAAA", "images are fetched only from http and https URLs"],
    ["http://user:secret@pictures.test/", "addresses with a user name or a password are not fetched"],
    ["http://[::/", "the address is not valid"],
  ])("to %s are refused", async (location, message) => {
    const { port } = await servePictures((_request, response) => response.writeHead(302, { location }).end());
    await expect(fetchAll([`http://pictures.test:${port}/`])).rejects.toThrow(message);
  });
});

describe("an answer that is no picture to be had", () => {
  const tooLarge = "the image is larger than 10 MB";
  const broken = "the image broke off";
  const wrongType = "its server does not send it as an image: expected the content type image/png";
  const endless = (response: ServerResponse) => {
    const chunk = Buffer.alloc(1 << 20);
    const write = () => {
      while (response.write(chunk));
    };
    response.on("drain", write);
    write();
  };

  test.each<[string, Parameters<typeof servePictures>[0], string]>([
    ["of text", sending(Buffer.from("hello"), "text/html"), wrongType],
    ["of no type", (_request, response) => response.end(pictures.png), wrongType],
    ["of a drawing", sending(Buffer.from("<svg/>"), "image/svg+xml"), wrongType],
    ["of another type than it says", sending(pictures.gif), "not in the format that its content type says"],
    [
      "that only says that it is one",
      sending(Buffer.from("root:x:0:0")),
      "You uploaded an unsupported image",
    ],
    ["that is empty", sending(Buffer.alloc(0)), "You uploaded an unsupported image"],
    [
      "that is compressed",
      sending(pictures.png, "image/png", { "content-encoding": "gzip" }),
      "content encoding",
    ],
    ["with an error", (_request, response) => response.writeHead(500).end("secret"), "status 500"],
    ["with no content", (_request, response) => response.writeHead(204).end(), "status 204"],
    ["that leads nowhere", (_request, response) => response.writeHead(302).end(), "status 302"],
    [
      "that is announced as too large",
      sending(pictures.png, "image/png", { "content-length": "10000001" }),
      tooLarge,
    ],
    [
      "that never ends",
      (_request, response) => {
        response.writeHead(200, { "content-type": "image/png" });
        endless(response);
      },
      tooLarge,
    ],
    [
      "that is shorter than announced",
      (_request, response) => {
        response.writeHead(200, { "content-type": "image/png", "content-length": "1000" });
        response.write(pictures.png, () => response.destroy());
      },
      broken,
    ],
    ["that is none", (request) => request.socket.destroy(), unreachable],
    ["that is not HTTP", (request) => request.socket.end("hello\r\n\r\n"), unreachable],
    [
      "with too many headers",
      sending(pictures.png, "image/png", { "x-large": "x".repeat(20_000) }),
      unreachable,
    ],
    [
      "in another protocol",
      (request) =>
        request.socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
      unreachable,
    ],
  ])("is refused: one %s", async (_name, listener, message) => {
    const { port, open } = await servePictures(listener);
    const failure = await fetchAll([`http://pictures.test:${port}/`]).catch((error: unknown) => error);
    expect(failure).toMatchObject({ kind: "invalid_request", param: "images[0]" });
    expect(String(failure)).toContain(message);
    expect(String(failure)).not.toContain("secret");
    await expect.poll(open).toBe(0);
  });

  test("is not read further than it says it is long", async () => {
    const { port } = await servePictures((_request, response) => {
      response.writeHead(200, { "content-type": "image/png", "content-length": String(pictures.png.length) });
      response.write(pictures.png);
      response.socket!.write(Buffer.alloc(1 << 20));
    });
    const [image] = await fetchAll([`http://pictures.test:${port}/`]);
    expect(Buffer.from(image!.data)).toEqual(pictures.png);
  });

  test("is refused when it is one of many that are too large together", async () => {
    const large = Buffer.concat([pictures.png, Buffer.alloc(7_000_000)]);
    const { port } = await servePictures(sending(large));
    const urls = Array.from({ length: 3 }, (_, index) => `http://pictures.test:${port}/${index}`);
    await expect(fetchAll(urls)).rejects.toThrow("larger than 20 MB together");
    expect(await fetchAll(urls.slice(1))).toHaveLength(2);
  });
});

describe("a server that takes its time", () => {
  test.each<[string, (response: ServerResponse) => void]>([
    ["to answer", () => {}],
    [
      "with the bytes",
      (response) => {
        response.writeHead(200, { "content-type": "image/png" });
        response.write(pictures.png.subarray(0, 10));
      },
    ],
  ])("%s is left after 5 seconds", async (_name, listener) => {
    const clock = new FakeClock();
    const asked = Promise.withResolvers<void>();
    const { port, open } = await servePictures((_request, response) => {
      listener(response);
      asked.resolve();
    });
    const fetched = fetchAll([`http://pictures.test:${port}/`], { clock }).catch((error: unknown) => error);
    await asked.promise;
    await clock.advance(4999);
    expect(await open()).toBe(1);
    await clock.advance(1);
    expect(await fetched).toMatchObject({
      code: "invalid_image_url",
      message:
        "Invalid image URL: the image did not arrive within 5 seconds. Send the image itself, in base64.",
    });
    await expect.poll(open).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test("is left when another picture of the request cannot be had", async () => {
    const clock = new FakeClock();
    const asked = Promise.withResolvers<void>();
    const slow = await servePictures(() => asked.resolve());
    const { port } = await servePictures((_request, response) => {
      void asked.promise.then(() => response.writeHead(404).end());
    });
    const urls = [`http://slow.test:${slow.port}/`, `http://pictures.test:${port}/`];
    await expect(fetchAll(urls, { clock })).rejects.toMatchObject({ param: "images[1]" });
    await expect.poll(slow.open).toBe(0);
  });

  test("to name its addresses is left, too", async () => {
    const clock = new FakeClock();
    const network = { isAllowed: () => true, resolveName: () => new Promise<never>(() => {}) };
    const fetched = fetchAll(["http://pictures.test/"], { clock, network }).catch((error: unknown) => error);
    await clock.advance(5000);
    expect(String(await fetched)).toContain("did not arrive within 5 seconds");
  });

  test("is left when nobody wants the picture any more", async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const asked = Promise.withResolvers<void>();
    const { port, open } = await servePictures((_request, response) => {
      response.writeHead(200, { "content-type": "image/png" }).write("x");
      asked.resolve();
    });
    const { signal } = controller;
    const fetched = fetchAll([`http://pictures.test:${port}/`], { clock, signal }).catch(
      (error: unknown) => error,
    );
    await asked.promise;
    controller.abort(new Error("The client left."));
    expect(String(await fetched)).toContain("The client left.");
    await expect.poll(open).toBe(0);
    expect(clock.pending).toBe(0);
  });
});
