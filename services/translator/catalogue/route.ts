import type { Catalogue } from "../../../core/catalogue/catalogue.ts";
import type { ListModels } from "../models/model-list.ts";
import { listCatalogue } from "./catalogue-list.ts";

/** Gives the catalogue, the same each time. It is read when it is first asked for: that takes 0.1 s of a start. */
export type CatalogueSource = () => Catalogue;

/** What the route works with. */
export interface CatalogueOptions {
  readonly catalogue: CatalogueSource;
  readonly listModels: ListModels;
}

/** `GET /catalogue`: every model that is known or served, and how it is served now. */
export const createCatalogueRoute =
  ({ catalogue, listModels }: CatalogueOptions) =>
  async () => ({ object: "list", data: listCatalogue(catalogue(), await listModels()) });
