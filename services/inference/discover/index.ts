export { answerLimitMs } from "../servers/ask.ts";
export { inspectServer, type ServerFinding, serverFaults } from "../servers/inspect-server.ts";
export { type ServerKind, serverKinds } from "../servers/kinds.ts";
export { type FolderSearch, findModelFiles, folderFault } from "./find-model-files.ts";
export { findServers, ollamaPlace, type ServerSearch, usualPlaces } from "./find-servers.ts";
export { type Fit, fitModels, tooLarge } from "./fit-models.ts";
