import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { anonymousMessageBytes, connectionLimits, connectionsPerNode } from "../../core/rpc/limits.ts";
import type { Program } from "../support/program.ts";
import {
  type Caller,
  callRaw,
  flood,
  frame,
  headerBlock,
  messageHead,
  openSession,
} from "../support/raw-http2.ts";
import { type SecureMesh, startSecureMesh } from "../support/secure-mesh.ts";

const mib = 1024 * 1024;
const join = "/cxmpute.registry.v1.IdentityService/Join";
const register = "/cxmpute.registry.v1.RegistryService/RegisterNode";

let mesh: SecureMesh;
let node: Caller;
beforeAll(async () => {
  mesh = await startSecureMesh();
  await mesh.joinAndWait("member", "--token", await mesh.createToken());
  const { certificate, privateKey } = await mesh.identityOf("member");
  node = { cert: certificate, key: privateKey };
});
afterAll(() => mesh?.stop());

/** A body that claims to be one message of so many bytes. */
function* messageOf(bytes: number): Generator<Buffer> {
  yield messageHead(bytes);
  for (let left = bytes; left > 0; left -= mib) yield Buffer.alloc(Math.min(left, mib), 1);
}

/** The most memory that a process has held so far, in MiB. */
async function peakOf({ child }: Program): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+)/.exec(status)![1]) / 1024;
}

/** By how much an attack raises the most memory that a process has held. */
async function growthOf(program: Program, attack: () => Promise<unknown>): Promise<number> {
  const before = await peakOf(program);
  await attack();
  return (await peakOf(program)) - before;
}

/** Memory that any few calls may take: stacks, buffers of sockets, code that was compiled meanwhile. */
const fewMib = 48;

describe.runIf(process.platform === "linux")(
  "five messages of 200 MiB from a caller without a certificate",
  () => {
    test.each([
      { to: "registry", path: join, status: "8" },
      { to: "registry", path: register, status: "16" },
      { to: "registry", path: "/cxmpute.registry.v1.RegistryService/WatchNodes", status: "16" },
      { to: "registry", path: "/grpc.health.v1.Health/Check", status: "8" },
      {
        to: "registry",
        path: "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        status: "8",
      },
      { to: "router", path: "/cxmpute.router.v1.RouterService/Generate", status: "16" },
      { to: "router", path: "/cxmpute.router.v1.RouterService/Relay", status: "16" },
      { to: "router", path: "/cxmpute.router.v1.RouterService/Attach", status: "16" },
      { to: "router", path: "/cxmpute.router.v1.RouterService/ExplainRoute", status: "16" },
      { to: "router", path: "/cxmpute.router.v1.RouterService/NoSuchMethod", status: "12" },
    ] as const)("cost the $to nothing at $path", async ({ to, path, status }) => {
      const growth = await growthOf(mesh.programs.get(to)!, async () => {
        const answers = await Promise.all(
          Array.from({ length: 5 }, async () => {
            const session = openSession(mesh[to]);
            const answer = await callRaw(session, path, messageOf(200 * mib));
            session.destroy();
            return answer;
          }),
        );
        expect(answers.map((answer) => answer.status)).toEqual(answers.map(() => status));
        // What the sockets' buffers take, and not more.
        for (const { sentBytes } of answers) expect(sentBytes).toBeLessThan(20 * mib);
      });
      expect(growth).toBeLessThan(fewMib);
    });

    test("cost the translator nothing, on any of its surfaces", async () => {
      const translator = mesh.programs.get("translator")!;
      // The mesh has no keys, so the size alone is what refuses.
      const growth = await growthOf(translator, async () => {
        for (const path of ["/v1/chat/completions", "/v1/messages", "/v1/responses"])
          expect(await postRaw(`${mesh.url}${path}`, 200 * mib)).toBe(413);
        const connect = "/cxmpute.router.v1.RouterService/ExplainRoute";
        expect(await postRaw(`${mesh.url}${connect}`, 200 * mib)).toBe(429);
      });
      expect(growth).toBeLessThan(fewMib);
    });
  },
);

/** The status of a POST that announces a body of so many bytes and begins to send it. */
async function postRaw(url: string, bytes: number): Promise<number> {
  const headers = { "content-type": "application/json", "content-length": String(bytes) };
  const posted = request(url, { method: "POST", headers });
  posted.on("error", () => {});
  posted.write(Buffer.alloc(mib, 0x20));
  const [response] = await once(posted, "response");
  posted.destroy();
  return response.statusCode;
}

describe("a caller without a certificate", () => {
  test("has few calls at a time", async () => {
    const session = openSession(mesh.registry);
    onTestFinished(() => session.destroy());
    const statuses: (string | undefined)[] = [];
    const refused = new Promise<void>((resolve) => {
      for (let call = 0; call < 30; call++) {
        const headers = { ":method": "POST", ":path": join, "content-type": "application/grpc" };
        const stream = session.request(headers);
        stream.on("error", () => {});
        stream.on("response", (answer) => {
          statuses.push(answer["grpc-status"] as string);
          if (statuses.length === 22) resolve();
        });
        stream.write(messageHead(100));
      }
    });
    await refused;
    expect(statuses).toEqual(Array.from({ length: 22 }, () => "8"));
  });

  test("cannot have a small message grow", async () => {
    const session = openSession(mesh.registry);
    onTestFinished(() => session.destroy());
    const bomb = gzipSync(Buffer.alloc(8 * mib));
    expect(bomb.length).toBeLessThan(anonymousMessageBytes);
    const body = [messageHead(bomb.length, true), bomb];
    const answer = await callRaw(session, join, body, { "grpc-encoding": "gzip" });
    expect(answer).toMatchObject({
      status: "8",
      message: expect.stringContaining(`larger than ${anonymousMessageBytes}`),
    });
  });

  test.each([
    ["pings", [frame(6, 0, 0, Buffer.alloc(8))]],
    ["settings", [frame(4, 0, 0)]],
    ["priorities", [frame(2, 0, 1, Buffer.from([0, 0, 0, 0, 1]))]],
    ["window updates", [frame(8, 0, 0, Buffer.from([0, 0, 0, 1]))]],
    ["continuations", [frame(9, 0, 1, Buffer.alloc(100))]],
  ])("that floods a server with %s is disconnected", async (_, frames) => {
    const many = Buffer.concat(Array.from({ length: 1000 }, () => frames).flat());
    await flood(
      mesh.registry,
      Array.from({ length: 4000 }, () => many),
    );
  });

  test("that floods a server with pings and reads no answer is disconnected", async () => {
    const many = Buffer.concat(Array.from({ length: 1000 }, () => frame(6, 0, 0, Buffer.alloc(8))));
    await flood(
      mesh.registry,
      Array.from({ length: 4000 }, () => many),
      false,
    );
  });

  test("that begins calls only to reset them is disconnected", async () => {
    const block = headerBlock(join);
    function* resets(): Generator<Buffer> {
      for (let id = 1; id < 2_000_000; id += 2)
        yield Buffer.concat([frame(1, 4, id, block), frame(3, 0, id, Buffer.from([0, 0, 0, 8]))]);
    }
    const growth = await growthOf(mesh.programs.get("registry")!, () => flood(mesh.registry, resets()));
    expect(growth).toBeLessThan(fewMib);
  });

  test("that sends a megabyte of headers is disconnected", async () => {
    const session = openSession(mesh.registry);
    const block = headerBlock(join);
    session.destroy();
    const more = Buffer.concat([
      Buffer.from([0x00, 0x01, 0x78, 0x7f, 0x81, 0x7e]),
      Buffer.alloc(16_000, 0x79),
    ]);
    function* headers(): Generator<Buffer> {
      yield frame(1, 0, 1, block);
      for (let part = 0; part < 1000; part++) yield frame(9, 0, 1, more);
    }
    await flood(mesh.registry, headers());
  });
});

describe("connections that only occupy room", () => {
  test("leave it to those that have business, and are closed", async () => {
    const [host, port] = mesh.registry.split(":") as [string, string];
    let open = 0;
    const occupy = async (): Promise<Socket> => {
      const socket = connect(Number(port), host);
      socket.on("error", () => {}).resume();
      await once(socket, "connect");
      open++;
      socket.on("close", () => open--);
      return socket;
    };
    const sockets: Socket[] = [];
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
    });
    while (sockets.length < 3 * connectionLimits.loosePerAddress) sockets.push(await occupy());
    await expect.poll(() => open).toBeLessThanOrEqual(connectionLimits.loosePerAddress);
    // A newcomer, a service and a member of the mesh, all from the same address.
    await mesh.joinAndWait("newcomer", "--token", await mesh.createToken());
    expect((await fetch(`${mesh.url}/v1/models`)).status).toBe(200);
    expect(
      mesh.programs
        .get("member")!
        .entries()
        .filter(({ level }) => level === "warn"),
    ).toEqual([]);
    await expect.poll(() => open, { timeout: 60_000 }).toBe(0);
  });
});

describe("a node with its own certificate", () => {
  test("sends no registration of 200 MiB", async () => {
    const session = openSession(mesh.registry, node);
    onTestFinished(() => session.destroy());
    const registry = mesh.programs.get("registry")!;
    const growth = await growthOf(registry, async () => {
      const answer = await callRaw(session, register, messageOf(200 * mib));
      expect(answer).toMatchObject({ status: "8", message: expect.stringContaining(`vs ${mib}`) });
    });
    if (process.platform === "linux") expect(growth).toBeLessThan(fewMib);
  });

  test("sends no prompt to a router, however small", async () => {
    const session = openSession(mesh.router, node);
    onTestFinished(() => session.destroy());
    const generate = "/cxmpute.router.v1.RouterService/Generate";
    const answer = await callRaw(session, generate, messageOf(200 * mib));
    expect(answer.status).toBe("16");
    expect(answer.message).toContain("generate is not for node member");
  });

  test("has few connections at a time, of which the newest count", async () => {
    const sessions: ReturnType<typeof openSession>[] = [];
    const closed: number[] = [];
    for (let index = 0; index < connectionsPerNode + 3; index++) {
      const session = openSession(mesh.router, node);
      session.on("close", () => closed.push(index));
      sessions.push(session);
      await callRaw(session, "/cxmpute.router.v1.RouterService/Attach", []);
    }
    onTestFinished(() => {
      for (const session of sessions) session.destroy();
    });
    // The node's own connection was the oldest; it attaches again.
    await expect.poll(() => closed.length).toBeGreaterThanOrEqual(3);
    expect(closed.slice(0, 3)).toEqual([0, 1, 2]);
  });
});
