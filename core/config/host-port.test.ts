import { expect, test } from "vitest";
import { formatHostPort, isLoopback, parseHostPort } from "./host-port.ts";

test.each([
  ["127.0.0.1:8080", { host: "127.0.0.1", port: 8080 }],
  ["localhost:0", { host: "localhost", port: 0 }],
  ["[::1]:50051", { host: "::1", port: 50051 }],
  ["node-7.example:65535", { host: "node-7.example", port: 65535 }],
])("reads %s and writes it back", (text, parts) => {
  expect(parseHostPort(text)).toEqual(parts);
  expect(formatHostPort(parts)).toBe(text);
});

test.each([
  "8080",
  ":8080",
  "localhost",
  "localhost:",
  "localhost:99999",
  "::1:80",
  "http://a:80",
  "a b:80",
  "a:-1",
])("does not take %j for an address", (text) => {
  expect(parseHostPort(text)).toBeUndefined();
});

test.each([
  ["127.0.0.1:80", true],
  ["127.9.9.9:80", true],
  ["127.evil.example:80", false],
  ["127.0.0.1.evil.example:80", false],
  ["localhost.evil.example:80", false],
])("takes %s for this machine alone: %s", (text, isOwn) => {
  expect(isLoopback(text)).toBe(isOwn);
});
