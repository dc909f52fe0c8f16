/** What the node waits between attempts to reach a registry or a router (`Backoff`). */
export const reconnect = { firstMs: 250, limitMs: 10_000 } as const;
