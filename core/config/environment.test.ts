import { expect, test } from "vitest";
import { userDataFolder } from "./environment.ts";

test.each([
  { platform: "linux", environment: {}, folder: "/home/ada/.local/share" },
  { platform: "linux", environment: { XDG_DATA_HOME: "/data" }, folder: "/data" },
  { platform: "linux", environment: { XDG_DATA_HOME: "relative" }, folder: "/home/ada/.local/share" },
  { platform: "darwin", environment: {}, folder: "/home/ada/Library/Application Support" },
  { platform: "win32", environment: { LOCALAPPDATA: "C:\\Local" }, folder: "C:\\Local" },
] as const)("on $platform with $environment data goes to $folder", ({ platform, environment, folder }) => {
  expect(userDataFolder(environment, platform, "/home/ada")).toBe(folder);
});
