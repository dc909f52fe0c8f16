import { homedir } from "node:os";
import { join } from "node:path";

/** Variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment of this process, which is read only here. */
export const processEnvironment: Environment = process.env;

/** The system's folder for this user's program data, by the conventions of Linux (XDG), macOS or Windows. */
export function userDataFolder(
  environment: Environment = processEnvironment,
  platform: NodeJS.Platform = process.platform,
  home: string = homedir(),
): string {
  if (platform === "win32") return environment.LOCALAPPDATA || join(home, "AppData", "Local");
  if (platform === "darwin") return join(home, "Library", "Application Support");
  const xdg = environment.XDG_DATA_HOME;
  // XDG: ignore relative paths.
  return xdg?.startsWith("/") === true ? xdg : join(home, ".local", "share");
}
