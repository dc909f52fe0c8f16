/**
 * The name that a model goes by when the catalogue does not know it: the engine's own. Of a file, its name without
 * folder, part number and ending, for where it lies is private.
 *
 *     /home/ada/models/my-tune-00001-of-00003.gguf  →  my-tune
 *     acme/assistant-7b                             →  acme/assistant-7b
 */
export function toOwnName(engineName: string): string {
  const name = engineName.trim();
  if (!isFile(name)) return name;
  return (
    withoutFolder(name)
      .replace(/\.gguf$/i, "")
      .replace(/-\d{5}-of-\d{5}$/, "") || name
  );
}

/** An engine's own name as strangers may see it: of a file without the folders above it. */
export function withoutFolder(engineName: string): string {
  const name = engineName.trim();
  return isFile(name) ? (name.split(/[/\\]/).findLast((part) => part !== "") ?? name) : name;
}

const isFile = (name: string): boolean => /\.gguf$/i.test(name) || /^(?:[/\\~.]|[A-Za-z]:[/\\])/.test(name);
