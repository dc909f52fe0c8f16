/** How models mark their thoughts: Qwen, DeepSeek and those made after them. */
export const thinkingMarks = { begin: "<think>", end: "</think>" } as const;
