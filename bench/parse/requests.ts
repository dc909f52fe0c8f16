/** A request to parse. */
export interface Sample {
  readonly title: string;
  readonly body: Buffer;
}

const words = "the mesh answers every question that a caller asks of it, wherever the node that knows may be";

/** A chat with turns of some 500 characters, written as most clients write it. */
function chat(messages: number, more: object = {}): Buffer {
  const turns = Array.from({ length: messages }, (_, index) => ({
    role: index === 0 ? "system" : index % 2 === 1 ? "user" : "assistant",
    content: `Turn ${index}: ${`${words}. “Quoted”, and naïve.\n`.repeat(4)}`,
  }));
  return Buffer.from(
    JSON.stringify({
      model: "starter",
      messages: turns,
      temperature: 0.7,
      max_tokens: 256,
      stream: true,
      ...more,
    }),
  );
}

const tools = Array.from({ length: 16 }, (_, index) => ({
  type: "function",
  function: {
    name: `tool_${index}`,
    description: words,
    parameters: {
      type: "object",
      properties: { place: { type: "string", description: words }, days: { type: "integer", minimum: 1 } },
      required: ["place"],
    },
  },
}));

/** From the shortest to what agents send. */
export const samples: readonly Sample[] = [
  {
    title: "one short message",
    body: Buffer.from('{"model":"starter","messages":[{"role":"user","content":"What is gRPC?"}]}'),
  },
  { title: "200 messages", body: chat(200) },
  { title: "200 messages, 16 tools", body: chat(200, { tools }) },
];
