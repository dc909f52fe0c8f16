import { GgufError, type GgufHeader, type MetadataValue } from "./header.ts";

/** Typed access to metadata. Throws `GgufError` when a value has the wrong type. */
export class Metadata {
  readonly #values: ReadonlyMap<string, MetadataValue>;

  constructor(header: Pick<GgufHeader, "metadata">) {
    this.#values = header.metadata;
  }

  /** The model's family, such as `llama` or `qwen2`; prefix of the keys for its shape. */
  get architecture(): string {
    const architecture = this.text("general.architecture");
    if (architecture === undefined) throw new GgufError("does not say which architecture its model has");
    return architecture;
  }

  text(key: string): string | undefined {
    return this.#typed(key, "text", (value) => typeof value === "string");
  }

  flag(key: string): boolean | undefined {
    return this.#typed(key, "flag", (value) => typeof value === "boolean");
  }

  number(key: string): number | undefined {
    return this.#typed(key, "number", (value) => typeof value === "number");
  }

  texts(key: string): readonly string[] | undefined {
    return this.#typed(key, "list of texts", (value) => isListOf(value, "string"));
  }

  numbers(key: string): readonly number[] | undefined {
    return this.#typed(key, "list of numbers", (value) => isListOf(value, "number"));
  }

  /** A number of the model's shape, such as `block_count`; the largest where layers differ. */
  shape(key: string): number | undefined {
    const name = `${this.architecture}.${key}`;
    const value = this.#values.get(name);
    return Array.isArray(value) ? Math.max(...(this.numbers(name) ?? [])) : this.number(name);
  }

  #typed<T extends MetadataValue>(
    key: string,
    type: string,
    is: (value: MetadataValue) => boolean,
  ): T | undefined {
    const value = this.#values.get(key);
    if (value !== undefined && !is(value)) throw new GgufError(`is damaged: \`${key}\` is no ${type}`);
    return value as T | undefined;
  }
}

const isListOf = (value: MetadataValue, type: string): boolean =>
  Array.isArray(value) && value.every((item) => typeof item === type);
