import { createSocket } from "node:dgram";

/** A name server: for each name that it knows, the IPv4 address; no other records. */
export interface NameServer {
  /** Changes where a name leads from now on. */
  set(name: string, address: string): void;
  close(): void;
}

const responseFlags = 0x8480;
const noSuchName = 3;
const typeA = 1;
const classInternet = 1;

/** Answers queries (RFC 1035) by UDP; answers live for no time at all. */
export function startNameServer(
  host: string,
  port: number,
  names: Readonly<Record<string, string>>,
): NameServer {
  const known = new Map(Object.entries(names));
  const socket = createSocket("udp4");
  socket.on("message", (query, from) => {
    const { name, type, end } = readQuestion(query);
    const found = known.get(name);
    const answer = found !== undefined && type === typeA ? [toRecord(found)] : [];
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(responseFlags | (found === undefined ? noSuchName : 0), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(answer.length, 6);
    socket.send(Buffer.concat([header, query.subarray(12, end), ...answer]), from.port, from.address);
  });
  let open = true;
  socket.once("close", () => {
    open = false;
  });
  socket.bind(port, host);
  return {
    set: (name, address) => void known.set(name, address),
    close: () => {
      if (open) socket.close();
    },
  };
}

/** The one question of a query; `end` is the offset behind it. */
function readQuestion(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let offset = 12;
  for (let length = query[offset++]!; length > 0; length = query[offset++]!) {
    labels.push(query.toString("latin1", offset, offset + length));
    offset += length;
  }
  return { name: labels.join(".").toLowerCase(), type: query.readUInt16BE(offset), end: offset + 4 };
}

/** An address as a record of the name that was asked for. */
function toRecord(address: string): Buffer {
  const record = Buffer.alloc(16);
  // A pointer to the name in the question, at offset 12.
  record.writeUInt16BE(0xc00c, 0);
  record.writeUInt16BE(typeA, 2);
  record.writeUInt16BE(classInternet, 4);
  record.writeUInt16BE(4, 10);
  Buffer.from(address.split(".").map(Number)).copy(record, 12);
  return record;
}
