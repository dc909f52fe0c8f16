export type { Because, Naming } from "./choose-names.ts";
export { type NamingOptions, withCatalogueNames } from "./with-catalogue-names.ts";
