/**
 * The name of a model that the catalogue does not know: the engine's own. Of a file, its name without folder, part
 * number and extension, because its location is private: `/home/ada/my-tune-00001-of-00003.gguf` becomes `my-tune`,
 * and `acme/assistant-7b` stays.
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

/** An engine's own name as it may be published: of a file without its folder. */
export function withoutFolder(engineName: string): string {
  const name = engineName.trim();
  return isFile(name) ? (name.split(/[/\\]/).findLast((part) => part !== "") ?? name) : name;
}

const isFile = (name: string): boolean => /\.gguf$/i.test(name) || /^(?:[/\\~.]|[A-Za-z]:[/\\])/.test(name);
