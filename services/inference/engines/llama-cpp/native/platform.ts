import { MeshError } from "../../../../../core/errors/mesh-error.ts";

/**
 * Throws `invalid_request` where the embedded engine has no binaries: they are installed for Linux on x64 and
 * arm64 only, because those of other systems would make the install six times as large.
 */
export function assertPlatform(platform: NodeJS.Platform, arch: NodeJS.Architecture): void {
  if (platform === "linux" && (arch === "x64" || arch === "arm64")) return;
  throw new MeshError(
    "invalid_request",
    `The embedded llama-cpp engine runs on Linux (x64 and arm64), not on ${platform} ${arch}. Run Ollama, llama-server or vLLM on this machine and join again: they are found by themselves.`,
  );
}
