/** One thing wrong with the configuration. */
export interface Fault {
  /** Its source: `--listen`, `CXMPUTE_LISTEN`, `mesh.yaml:3 router.listen`; empty for what is missing. */
  readonly where: string;
  readonly message: string;
}

/** Every fault of the configuration. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super(toText(faults));
    this.faults = faults;
  }
}

function toText(faults: readonly Fault[]): string {
  const lines = faults.map(({ where, message }) => (where === "" ? message : `${where}: ${message}`));
  return lines.length === 1
    ? lines.join()
    : [`${lines.length} settings are wrong:`, ...lines.map((line) => `  ${line}`)].join("\n");
}
