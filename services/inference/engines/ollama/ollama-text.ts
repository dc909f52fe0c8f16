import { upstreamText } from "../upstream/upstream-text.ts";

/** What Ollama says, fit to be quoted. Where it sends people, its documentation and its library, stays. */
export const ollamaText = (said: string): string => upstreamText(said, ["ollama.com", "ollama.ai"]);
