/** Exit codes of the command line; those of signals are in `run-service.ts`. */
export const exitCodes = { ok: 0, failed: 1, usage: 2 } as const;

/** An error for the user to fix. Its message is one line: what is wrong, and what to do. */
export class UserFault extends Error {
  override readonly name = "UserFault";
  readonly exitCode: number;

  constructor(message: string, options: { exitCode?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exitCode = options.exitCode ?? exitCodes.failed;
  }
}
