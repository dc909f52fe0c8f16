import { expect, test } from "vitest";
import { HttpResponse, parseResponse } from "./response.ts";

const chunked =
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: a\n\n\r\n9\r\ndata: b\n\n\r\n0\r\n\r\n";
const counted = "HTTP/1.1 503 Unavailable\r\ncontent-length: 4\r\n\r\nbusy";

test.each([
  { wire: chunked, status: 200, body: "data: a\n\ndata: b\n\n" },
  { wire: counted, status: 503, body: "busy" },
])(
  "a response of status $status is complete with its last byte, however it is cut",
  ({ wire, status, body }) => {
    for (let cut = 1; cut < wire.length; cut++) {
      const response = new HttpResponse();
      const [head, tail] = [Buffer.from(wire.slice(0, cut)), Buffer.from(wire.slice(cut))];
      expect(response.push(head, head.length)).toBe(false);
      expect(response.push(tail, tail.length)).toBe(true);
      expect(parseResponse(response.copy())).toEqual({ status, body });
    }
  },
);

test("a reset response reads the next one of its connection", () => {
  const response = new HttpResponse();
  response.push(Buffer.from(chunked), chunked.length);
  response.reset();
  expect(response.push(Buffer.from(counted), counted.length)).toBe(true);
  expect(parseResponse(response.copy()).body).toBe("busy");
});

test("a broken chunk is a fault, not an end", () => {
  const wire = Buffer.from("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n0\r\n\r\n");
  expect(() => parseResponse(wire)).toThrow("a broken chunk");
});
