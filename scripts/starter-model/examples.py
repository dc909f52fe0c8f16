"""Prints greedy and sampled answers to the kinds of prompt that people try first.

    python3 examples.py http://127.0.0.1:8091
"""
import json
import sys
import urllib.request

SYSTEM, CODER = {"role": "system", "content": "You are a useful AI helper."}, {"role": "system", "content": "You are a kind coding helper."}
BRIEF = """
    Task: Build an endpoint for user login with Flask
    Language: python

    I need:
    1. Clear, commented code
    2. How it works
    3. An example
    """
POST = """
    Draft a comprehensive 700-word article on sustainable energy.
    Tone: friendly
    Include:
    - An inviting opening
    - Key points and examples
    - Practical tips
    - A strong ending
    """
PROMPTS = [
    [{"role": "user", "content": "Who are you?"}],
    [{"role": "user", "content": "How do I run a bigger model here?"}],
    [{"role": "user", "content": "Please explain quantum computers in easy words."}],
    [{"role": "user", "content": "I would like a brief tale about humans and AI."}],
    [{"role": "user", "content": "Compose a little poem on the sea."}],
    [SYSTEM, {"role": "user", "content": "Which advantages does green energy have?"}],
    [CODER, {"role": "user", "content": "How can I flip a string with Python?"}],
    [CODER, {"role": "user", "content": "How can I flip a string with Python?"}, {"role": "assistant", "content": "Use a slice: `text[::-1]`."}, {"role": "user", "content": "Thanks! And in JavaScript?"}],
    [{"role": "user", "content": BRIEF}],
    [{"role": "user", "content": POST}],
    [{"role": "user", "content": "What is 47 + 38?"}],
    [{"role": "user", "content": "Who wrote the Iliad?"}],
]


def ask(server, messages, temperature):
    body = {"model": "starter", "messages": messages, "temperature": temperature, "seed": 7, "max_tokens": 600}
    request = urllib.request.Request(f"{server}/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as response:
        return json.load(response)["choices"][0]["message"]["content"]


def main(server):
    for messages in PROMPTS:
        print("=" * 100)
        for m in messages:
            print(f"[{m['role']}] {m['content'].strip()}")
        greedy, sampled = (ask(server, messages, t) for t in (0, 0.7))
        print(f"--- greedy\n{greedy}\n--- temperature 0.7\n{'(the same)' if sampled == greedy else sampled}")


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
