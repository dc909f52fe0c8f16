"""The chat format of training. It must equal what chat_template.jinja renders."""
import json


def type_of(schema):
    """The short type of a parameter: nothing for a string, else as in TypeScript."""
    if "enum" in schema:
        return ": " + "|".join(schema["enum"])
    kind = schema.get("type", "string")
    if kind == "array":
        return ": list"
    if kind == "object":
        return ": {" + ", ".join(schema.get("properties", {})) + "}"
    return "" if kind == "string" else ": " + kind


def signature(tool):
    """"- get_weather(city, unit?: celsius|fahrenheit): Get the weather"."""
    function = tool["function"]
    parameters = function["parameters"]
    names = [name + ("" if name in parameters["required"] else "?") + type_of(schema) for name, schema in parameters["properties"].items()]
    return f"- {function['name']}({', '.join(names)}): {function['description']}"


def render(chat):
    """-> list of (text, is a special token, learn); `learn` marks what the assistant writes."""
    pieces = []

    def special(text, learn=False):
        pieces.append((text, True, learn))

    def plain(text, learn=False):
        if text:
            pieces.append((text, False, learn))

    messages, tools = chat["messages"], chat["tools"]
    system = messages[0]["content"] if messages and messages[0]["role"] == "system" else ""
    if tools:
        system += ("\n" if system else "") + "Tools:" + "".join("\n" + signature(t) for t in tools)
    if system:
        special("<|im_start|>"), plain("system\n" + system), special("<|im_end|>"), plain("\n")
    for i, message in enumerate(messages):
        if i == 0 and message["role"] == "system":
            continue
        own = message["role"] == "assistant"
        special("<|im_start|>"), plain(message["role"] + "\n")
        plain(message["content"], own)
        for call in message.get("tool_calls") or []:
            arguments = {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}
            special("<tool_call>", own), plain(json.dumps(arguments, ensure_ascii=False), own), special("</tool_call>", own)
        special("<|im_end|>", own), plain("\n")
    return pieces
