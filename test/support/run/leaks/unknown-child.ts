import { spawn } from "node:child_process";
import { test } from "vitest";

test("starts a program of its own, and that another one", () => {
  const line = `"${process.execPath}" -e "setInterval(() => {}, 1000)" left-behind & wait`;
  spawn("sh", ["-c", line], { stdio: "ignore", detached: true }).unref();
});
