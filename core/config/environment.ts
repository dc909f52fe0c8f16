import { homedir } from "node:os";
import { join } from "node:path";

/** Variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment of this process; the one place that looks at it. */
export const processEnvironment: Environment = process.env;

/**
 * The folder where programs of this user keep what they must remember, as the system has it: `XDG_DATA_HOME` on
 * Linux, `Application Support` on macOS, `LOCALAPPDATA` on Windows.
 */
export function userDataFolder(
  environment: Environment = processEnvironment,
  platform: NodeJS.Platform = process.platform,
  home: string = homedir(),
): string {
  if (platform === "win32") return environment.LOCALAPPDATA || join(home, "AppData", "Local");
  if (platform === "darwin") return join(home, "Library", "Application Support");
  const xdg = environment.XDG_DATA_HOME;
  // The specification tells to ignore a relative path.
  return xdg?.startsWith("/") === true ? xdg : join(home, ".local", "share");
}
