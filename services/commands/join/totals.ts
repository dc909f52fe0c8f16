import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";
import { makeFolder } from "../api-key.ts";
import type { Given } from "./status.ts";

/** The file of the totals. */
export const totalsFile = (dataFolder: string): string => join(dataFolder, "totals.json");

const schema = z.object({ answers: z.int().min(0), tokens: z.int().min(0) });

/** The answers and tokens of all nodes of one data folder, in a file. */
export class Totals {
  readonly #path: string;
  readonly #folder: string;
  /** The part of this process that is in the file. */
  #saved: Given = { answers: 0, tokens: 0 };
  #before: Given;

  constructor(dataFolder: string) {
    this.#folder = dataFolder;
    this.#path = totalsFile(dataFolder);
    this.#before = this.#read();
  }

  /** The totals, including what this process has given since its start. */
  with(given: Given): Given {
    return {
      answers: this.#before.answers + given.answers - this.#saved.answers,
      tokens: this.#before.tokens + given.tokens - this.#saved.tokens,
    };
  }

  /** Adds what was given since the last call to what nodes share on file. Throws if it is not written. */
  save(given: Given): void {
    if (given.answers === this.#saved.answers && given.tokens === this.#saved.tokens) return;
    this.#before = this.#read();
    const all = this.with(given);
    const draft = `${this.#path}.${process.pid}`;
    try {
      makeFolder(resolve(this.#folder));
      writeFileSync(draft, `${JSON.stringify(all)}\n`, { mode: 0o600 });
      renameSync(draft, this.#path);
    } finally {
      rmSync(draft, { force: true });
    }
    this.#before = all;
    this.#saved = { answers: given.answers, tokens: given.tokens };
  }

  /** What the file says; nothing when there is none, or none that makes sense. */
  #read(): Given {
    try {
      return schema.parse(JSON.parse(readFileSync(this.#path, "utf8")));
    } catch {
      return { answers: 0, tokens: 0 };
    }
  }
}
