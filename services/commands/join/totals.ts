import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";
import { makeFolder } from "../api-key.ts";
import type { Given } from "./status-text.ts";

/** Where the totals are kept. */
export const totalsFile = (dataFolder: string): string => join(dataFolder, "totals.json");

const schema = z.object({ answers: z.int().min(0), tokens: z.int().min(0) });

/** What all nodes of one data folder have given since the first of them: two numbers in a file. */
export class Totals {
  readonly #path: string;
  readonly #folder: string;
  /** What of this process's work is in the file. */
  #saved: Given = { answers: 0, tokens: 0 };
  #before: Given;

  constructor(dataFolder: string) {
    this.#folder = dataFolder;
    this.#path = totalsFile(dataFolder);
    this.#before = this.#read();
  }

  /** All of it, with what this process has given since its start. */
  with(given: Given): Given {
    return {
      answers: this.#before.answers + given.answers - this.#saved.answers,
      tokens: this.#before.tokens + given.tokens - this.#saved.tokens,
    };
  }

  /**
   * Adds what this process has given since it last did. The file is read again first, for another node may have
   * written to it, and is replaced in one step. Throws when the system does not let it.
   */
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
