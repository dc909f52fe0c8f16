import { constants } from "node:fs";
import { access, stat, statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type Check, type Finding, fault, ok, warning } from "./check.ts";

/** Less free space is a fault, in bytes. */
const noRoomBytes = 10 * 1024 ** 2;
/** Less free space is a warning, in bytes. */
const littleRoomBytes = 1024 ** 3;

/** Whether the data folder can be written, has room, and is private. */
export const checkDataFolder: Check = async ({ dataFolder }) => {
  const path = resolve(dataFolder);
  const existing = await nearestExisting(path);
  const stats = await stat(existing);
  if (!stats.isDirectory())
    return [
      fault("Data folder", `${existing} is a file, not a folder`, "Choose another with --data FOLDER."),
    ];
  if (!(await isWritable(existing)))
    return [
      fault(
        "Data folder",
        `this user may not write to ${existing}`,
        `Choose another with --data FOLDER, or make it this user's: chown it.`,
      ),
    ];
  return [toPrivacyFinding(path, existing, stats.mode), toRoomFinding(existing, await freeBytes(existing))];
};

/** Whether other users can write to the folder. */
export function toPrivacyFinding(path: string, existing: string, mode: number): Finding {
  if (existing !== path) return ok("Data folder", `${path} is created when needed`);
  // Windows has no such bits; users' folders are private there.
  if (process.platform !== "win32" && (mode & 0o022) !== 0)
    return warning(
      "Data folder",
      `other users of this machine may write to ${path}`,
      `Close it: chmod 700 ${path}`,
    );
  return ok("Data folder", path);
}

export function toRoomFinding(path: string, bytes: number): Finding {
  const says = `${(bytes / 1024 ** 3).toFixed(1)} GiB are free where ${path} is`;
  if (bytes < noRoomBytes)
    return fault("Disk", says, "Free some space, or choose another disk with --data FOLDER.");
  return bytes < littleRoomBytes
    ? warning("Disk", says, "Free some space before you download models.")
    : ok("Disk", says);
}

/** The folder, or its nearest parent that exists. */
async function nearestExisting(path: string): Promise<string> {
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  return exists || dirname(path) === path ? path : nearestExisting(dirname(path));
}

const isWritable = (path: string): Promise<boolean> =>
  access(path, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );

async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}
