import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { connect, type TLSSocket } from "node:tls";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { certifyNew, createRoot, type KeyedCertificate } from "../../core/identity/authority.ts";
import { createLog } from "../../core/telemetry/log.ts";
import { followKeyed, openKeyed } from "../../services/commands/credentials.ts";
import { createWeak } from "../support/core/certificates.ts";
import { FakeClock } from "../support/core/fake-clock.ts";
import {
  bearer,
  finishedEvent,
  parseSse,
  question,
  startedEvent,
  textEvent,
} from "../support/translator/translator.ts";
import { type ServedTranslator, serveTranslator } from "./support.ts";

const day = 86_400_000;
const term = { from: Date.now() - day, until: Date.now() + day };

let root: KeyedCertificate;
let files: { certificate: string; privateKey: string };
let clock: FakeClock;
let translator: ServedTranslator;
let warnings: string[];
/** Lets the answers go on that are under way. */
let goOn: () => void;

/** Another certificate for the same name. */
const issue = (own = term): Promise<KeyedCertificate> =>
  certifyNew(root, { identity: { role: "translator" }, term: own, hosts: ["localhost"] });

async function write({ certificate, privateKey }: Partial<KeyedCertificate>): Promise<void> {
  if (certificate !== undefined) await writeFile(files.certificate, certificate);
  if (privateKey !== undefined) await writeFile(files.privateKey, privateKey);
}

const fingerprint = ({ certificate }: KeyedCertificate): string =>
  new X509Certificate(certificate).fingerprint256;

/** The certificate that a new connection is shown, by its fingerprint. */
async function shown(): Promise<string> {
  const socket = connect({ port: translator.port, ca: root.certificate, servername: "localhost" });
  await once(socket, "secureConnect");
  const { fingerprint256 } = socket.getPeerX509Certificate()!;
  socket.destroy();
  return fingerprint256;
}

let first: KeyedCertificate;
beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), "cxmpute-https-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  files = { certificate: join(folder, "cert.pem"), privateKey: join(folder, "key.pem") };
  root = await createRoot(term);
  first = await issue();
  await write(first);
  const gate = Promise.withResolvers<void>();
  goOn = gate.resolve;
  const tls = openKeyed(files);
  translator = await serveTranslator(
    async function* () {
      yield startedEvent();
      yield textEvent("before ");
      await gate.promise;
      yield textEvent("after");
      yield finishedEvent();
    },
    { tls },
  );
  clock = new FakeClock();
  clock.wallTime = () => Date.now();
  warnings = [];
  const log = createLog({
    service: "translator",
    level: "warn",
    pretty: false,
    write: (line) => void warnings.push(JSON.parse(line).msg),
  });
  const following = followKeyed(tls, files, (fresh) => translator.replaceTls(fresh), { clock, log });
  onTestFinished(() => following.stop?.());
});

test("a certificate that was renewed is shown to new connections within a minute, and open streams live on", async () => {
  const call = request(`https://localhost:${translator.port}/v1/chat/completions`, {
    method: "POST",
    headers: { ...bearer, "content-type": "application/json" },
    ca: root.certificate,
    agent: false,
  });
  call.end(JSON.stringify(question({ stream: true })));
  const [response] = await once(call, "response");
  expect(response.statusCode).toBe(200);
  const { fingerprint256 } = (response.socket as TLSSocket).getPeerX509Certificate()!;
  expect(fingerprint256).toBe(fingerprint(first));

  const second = await issue();
  await write(second);
  await clock.advance(60_000);
  expect(await shown()).toBe(fingerprint(second));

  goOn();
  const chunks = parseSse(await text(response));
  expect(chunks.at(-1)).toBe("[DONE]");
  expect(chunks.join()).toContain('"after"');
  expect(warnings).toEqual([]);
});

const stays = "certificates for HTTPS cannot be reloaded, so the previous ones stay in use: ";
const taken = "Once the files are fixed, they are loaded within a minute without a restart.";

test.each<[string, () => Promise<Partial<KeyedCertificate>>, RegExp]>([
  [
    "half a file",
    async () => ({ certificate: first.certificate.slice(0, 200) }),
    /cert\.pem is not a certificate in PEM form/,
  ],
  [
    "a certificate without its key",
    async () => ({ certificate: (await issue()).certificate }),
    /key\.pem is not the key of the certificate in .*cert\.pem: give a matching pair/,
  ],
  ["one with a key too short for TLS", () => createWeak(term), /TLS rejects the certificate in .*cert\.pem/],
  [
    "one that has expired",
    () => issue({ from: Date.now() - day, until: Date.now() - 1000 }),
    /the certificate in .*cert\.pem expired at/,
  ],
])(
  "%s leaves the certificate before it in use, and is told once until it is right",
  async (_, make, says) => {
    await write(await make());
    await clock.advance(180_000);
    expect(await shown()).toBe(fingerprint(first));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(says);
    expect(warnings[0]!.startsWith(stays)).toBe(true);
    expect(warnings[0]!.endsWith(`. ${taken}`)).toBe(true);

    const third = await issue();
    await write(third);
    await clock.advance(60_000);
    expect(await shown()).toBe(fingerprint(third));
    expect(warnings).toHaveLength(1);
  },
);

test("files that are gone leave the certificate in use", async () => {
  await rm(files.certificate);
  await clock.advance(60_000);
  expect(await shown()).toBe(fingerprint(first));
  expect(warnings).toEqual([expect.stringContaining("cert.pem: there is no such file")]);
});
