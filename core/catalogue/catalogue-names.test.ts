import { expect, test } from "vitest";
import { catalogueNames } from "./catalogue-names.ts";
import { loadCatalogue } from "./load-catalogue.ts";

test("the names are those of the whole catalogue", () => {
  expect([...catalogueNames()]).toEqual(loadCatalogue().entries.map(({ name }) => name));
});
