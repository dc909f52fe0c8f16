export { type FolderSearch, findModelFiles, folderFault } from "./find-model-files.ts";
export { findServers, ollamaPlace, type ServerSearch, usualPlaces } from "./find-servers.ts";
export { type FoundModel, type ServerFinding, type ServerKind, serverNames } from "./finding.ts";
export { type Fit, fitModels, tooLarge } from "./fit-models.ts";
export { inspectServer } from "./inspect-server.ts";
export { serverFaults } from "./server-faults.ts";
