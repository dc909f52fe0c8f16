/** Rows as aligned plain text: the first column to the left, the others to the right; short rows are fine. */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const widest = Math.max(...rows.map((row) => row.length));
  const full = rows.filter((row) => row.length === widest);
  const widths = Array.from({ length: widest }, (_, column) =>
    Math.max(...(column === 0 ? rows : full).map((row) => row[column]?.length ?? 0)),
  );
  const pad = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!);
  return rows.map((row) => `  ${row.map(pad).join("  ").trimEnd()}\n`).join("");
}
