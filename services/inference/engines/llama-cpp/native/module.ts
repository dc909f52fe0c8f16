/** node-llama-cpp, loaded when it is first needed: it takes a third of a second, which other engines save. */
export const loadModule = (): Promise<typeof import("node-llama-cpp")> => import("node-llama-cpp");
