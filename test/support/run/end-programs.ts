import { afterAll } from "vitest";
import { endPrograms } from "../program.ts";

// Runs behind the hooks of every test file. A hook that came to its time limit has not ended what it had started.
afterAll(endPrograms);
