"""Compares the chat template and the tokenizer in a GGUF file with the training data's, through a running llama-server.

    llama-server -m /absolute/starter.gguf --jinja --port 8091 &
    python3 check_template.py http://127.0.0.1:8091
"""
import json
import random
import sys
import urllib.request

from corpus import conversation, render
from prepare import TOKENIZER
from tokenizer import Tokenizer

CHATS = 400
ODD_CHATS = [
    [{"role": "assistant", "content": "first"}],
    [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}, {"role": "system", "content": "late"}, {"role": "assistant", "content": "c"}],
    [{"role": "tool", "content": "1"}, {"role": "system", "content": ""}, {"role": "user", "content": ""}],
    [{"role": "developer", "content": "d"}, {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}],
]


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def as_openai(messages):
    """Arguments as strings, calls with ids, as clients send them."""
    result = []
    for m in messages:
        m = dict(m)
        if m.get("tool_calls"):
            m["tool_calls"] = [{"id": f"call_{i}", "type": "function", "function": {"name": c["function"]["name"], "arguments": json.dumps(c["function"]["arguments"], ensure_ascii=False)}}
                               for i, c in enumerate(m["tool_calls"])]
        if m["role"] == "tool":
            m["tool_call_id"] = "call_0"
        result.append(m)
    return result


def main(server):
    tokens, rng = Tokenizer.load(TOKENIZER), random.Random(99)
    texts = same_ids = 0
    for _ in range(CHATS):
        chat = conversation(rng)
        pieces = render(chat)
        text, ids = "".join(t for t, _, _ in pieces), tokens.encode_chat(pieces)[0]
        # llama-server always adds the prompt of the answer, so the last message is left out
        cut = next(i for i in range(len(pieces) - 1, -1, -1) if pieces[i][:2] == ("<|im_start|>", True))
        expected = "".join(t for t, _, _ in pieces[:cut]) + "<|im_start|>assistant\n"
        rendered = post(f"{server}/apply-template", {"messages": as_openai(chat["messages"][:-1]), **({"tools": chat["tools"]} if chat["tools"] else {})})["prompt"]
        texts += rendered == expected
        if rendered != expected:
            print(f"rendered {rendered!r}\nexpected {expected!r}")
        same_ids += post(f"{server}/tokenize", {"content": text, "add_special": False, "parse_special": True})["tokens"] == ids
    print(f"{CHATS} chats: {texts} rendered as in training, {same_ids} tokenized as in training")
    for messages in ODD_CHATS:
        print(repr(post(f"{server}/apply-template", {"messages": messages})["prompt"]))


main(sys.argv[1].rstrip("/"))
