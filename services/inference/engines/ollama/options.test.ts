import { expect, test } from "vitest";
import { ollamaOptionsSchema } from "./options.ts";

test.each(["10m", "1h30m", "1.5h", "300ms", "0", "-1s", "-1m", 300, -1, 0])(
  "a model may stay loaded for %s",
  (keepAlive) => {
    expect(ollamaOptionsSchema.parse({ keepAlive }).keepAlive).toBe(keepAlive);
  },
);

test.each(["10 min", "10", "-1", "forever", "", "1d"])(
  "Ollama would refuse every request that says `%s`, so the provider is told",
  (keepAlive) => {
    expect(ollamaOptionsSchema.safeParse({ keepAlive }).error?.issues).toMatchObject([
      { path: ["keepAlive"], message: expect.stringContaining("`30m`") },
    ]);
  },
);
