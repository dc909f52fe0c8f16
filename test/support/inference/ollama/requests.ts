import {
  anything,
  base64,
  bool,
  type Decoder,
  DecodingError,
  integer,
  list,
  map,
  string,
  struct,
} from "./go-decoding.ts";

// The requests of api/types.go at fb30760996871fa9460115c753afd2c60d4ab0f7.

/** What `/api/chat` and `/api/generate` have in common. */
export interface GeneratingRequest {
  readonly model?: string;
  readonly stream?: boolean;
  readonly format?: unknown;
  readonly options?: Readonly<Record<string, number | readonly string[]>>;
  readonly think?: boolean | string;
  readonly truncate?: boolean;
  readonly shift?: boolean;
  readonly logprobs?: boolean;
  readonly top_logprobs?: number;
}

export interface ChatBody extends GeneratingRequest {
  readonly messages?: readonly {
    readonly role?: string;
    readonly content?: string;
    readonly images?: readonly Buffer[];
    readonly tool_calls?: readonly {
      readonly id?: string;
      readonly function?: { readonly name?: string; readonly arguments?: object };
    }[];
    readonly tool_call_id?: string;
  }[];
  readonly tools?: readonly {
    readonly function?: {
      readonly name?: string;
      readonly description?: string;
      readonly parameters?: object;
    };
  }[];
}

export interface GenerateBody extends GeneratingRequest {
  readonly prompt?: string;
  readonly raw?: boolean;
}

export interface EmbedBody {
  readonly model?: string;
  readonly input?: unknown;
  readonly truncate?: boolean;
}

const property: Decoder = (value, at) => propertyStruct(value, at);
const propertyStruct = struct("ToolProperty", {
  anyOf: list((value, at) => property(value, at), "api.ToolProperty"),
  type: (value, at) => (typeof value === "string" ? value : list(string, "string")(value, at)),
  items: anything,
  description: string,
  enum: list(anything, "interface {}"),
  properties: map((value, at) => property(value, at)),
  required: list(string, "string"),
});

const tool = struct("Tool", {
  type: string,
  items: anything,
  function: struct("ToolFunction", {
    name: string,
    description: string,
    parameters: struct("ToolFunctionParameters", {
      type: string,
      $defs: anything,
      items: anything,
      required: list(string, "string"),
      properties: map(property),
    }),
  }),
});

const message = struct("Message", {
  role: (value, at) => (string(value, at) as string).toLowerCase(),
  content: string,
  thinking: string,
  images: list(base64, "api.ImageData"),
  tool_calls: list(
    struct("ToolCall", {
      id: string,
      function: struct("ToolCallFunction", { index: integer, name: string, arguments: map(anything) }),
    }),
    "api.ToolCall",
  ),
  tool_name: string,
  tool_call_id: string,
});

const think: Decoder = (value) => {
  if (typeof value === "boolean") return value;
  const levels = '"high", "medium", "low", "max", true, or false';
  if (typeof value !== "string") throw new DecodingError(`think must be a boolean or string (${levels})`);
  if (!["high", "medium", "low", "max"].includes(value))
    throw new DecodingError(`invalid think value: "${value}" (must be ${levels})`);
  return value;
};

const generating = {
  model: string,
  stream: bool,
  format: anything,
  keep_alive: anything,
  options: map(anything),
  think,
  truncate: bool,
  shift: bool,
  logprobs: bool,
  top_logprobs: integer,
};

export const readChat = struct("ChatRequest", {
  ...generating,
  messages: list(message, "api.Message"),
  tools: list(tool, "api.Tool"),
}) as (value: unknown, at: "") => ChatBody;

export const readGenerate = struct("GenerateRequest", {
  ...generating,
  prompt: string,
  suffix: string,
  system: string,
  template: string,
  raw: bool,
  images: list(base64, "api.ImageData"),
}) as (value: unknown, at: "") => GenerateBody;

export const readEmbed = struct("EmbedRequest", {
  model: string,
  input: anything,
  keep_alive: anything,
  truncate: bool,
  dimensions: integer,
  options: map(anything),
}) as (value: unknown, at: "") => EmbedBody;

export const readShow = struct("ShowRequest", { model: string, name: string, verbose: bool }) as (
  value: unknown,
  at: "",
) => { readonly model?: string; readonly name?: string };

export const readPull = readShow;

/** Options that are numbers, by whether they are whole; the rest of `Options` is not used here. */
const optionTypes: Readonly<Record<string, "integer" | "float32" | "array">> = {
  num_ctx: "integer",
  num_predict: "integer",
  num_keep: "integer",
  seed: "integer",
  top_k: "integer",
  top_p: "float32",
  min_p: "float32",
  temperature: "float32",
  repeat_penalty: "float32",
  presence_penalty: "float32",
  frequency_penalty: "float32",
  stop: "array",
};

/** `Options.FromMap`: what it says of the first option of a wrong type; unknown options are only logged there. */
export function optionFault(options: GeneratingRequest["options"]): string | undefined {
  for (const [key, value] of Object.entries(options ?? {})) {
    const type = optionTypes[key];
    if (type === "array" ? !Array.isArray(value) : type !== undefined && typeof value !== "number")
      return `option "${key}" must be of type ${type}`;
  }
  return undefined;
}
