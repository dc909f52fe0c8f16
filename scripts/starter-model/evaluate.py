"""Measures the skills of a model on held-out cases, over the OpenAI API of any server that runs it.

    llama-server -m /absolute/starter.gguf --jinja --port 8091 &
    python3 evaluate.py http://127.0.0.1:8091 [--cases 40] [--temperature 0] [--skills arithmetic,spelling] [--wrong 3]

A case is right when the answer equals the expected one exactly; only where the corpus leaves a choice, a rule decides.
"""
import argparse
import collections
import concurrent.futures
import json
import random
import urllib.request

from corpus import SKILLS, facts_world, short_texts, writing
from corpus.conversations import as_messages, turns
from corpus.structured import fill, wrap
from corpus.tools import two_calls, with_tools

SEED = 2024             # training uses seeds from 100 to 999
MAX_TOKENS = 500


def first_of_list(text, members):
    """Whether a list such as "Apple, banana and cherry." names members only."""
    names = text.rstrip(".").replace(" and ", ", ").split(", ")
    return len(set(names)) == len(names) and all(n.lower() in members for n in names)


def is_category(got, expected):
    members = {w.lower() for group in facts_world.CATEGORIES.values() for w in group}
    return got.count(",") == expected.count(",") and first_of_list(got, members) if "," in expected or " and " in expected else got.split()[1:] == expected.split()[1:]


def is_fun(got, _):
    fixed = short_texts.JOKES + short_texts.POEMS + short_texts.HAIKUS + short_texts.FACTS
    return got in fixed or got in ("Heads!", "Tails!") or got.startswith("You rolled a ")


def is_story(got, expected):
    if not expected.startswith("Once upon a time"):
        return got == expected
    return got.startswith("Once upon a time there was a") and got.endswith(tuple(writing.ENDS)) and "One day" in got and "did not give up" in got


def is_story_about(got, expected):
    return got == expected or expected.startswith("Nobody in") and got.startswith(expected.split(". ")[0]) and got.endswith(expected.split("\n\n")[-1].split("From then")[1])


def is_one_sentence_story(got, expected):
    return got.split(" found ")[0] == expected.split(" found ")[0] and got.endswith("and from that day on they were friends.")


RULES = {"category": is_category, "fun": is_fun, "story": is_story, "one_sentence_story": is_one_sentence_story, "story_about": is_story_about}


def skill_cases(skill, rng, count):
    for _ in range(count):
        messages = as_messages(turns(rng, skill))
        yield {"skill": skill.__name__, "messages": messages[:-1], "tools": None, "expected": messages[-1]["content"]}


def json_cases(skill, rng, count):
    for _ in range(count):
        system, user, answer = skill(rng)
        messages = ([{"role": "system", "content": system}] if system else []) + [{"role": "user", "content": user}]
        yield {"skill": "json: " + {"fill": "fill given keys", "wrap": "answer as an object"}[skill.__name__], "messages": messages, "tools": None, "expected": answer}


def tool_cases(rng, count):
    """Chats with one tool, with several tools, and with two calls at once, cut before the call and before the answer."""
    for i in range(3 * count):
        chat = two_calls(rng) if i % 12 == 0 else with_tools(rng)
        calls = [k for k, m in enumerate(chat["messages"]) if m.get("tool_calls")]
        if not calls:
            yield {"skill": "tools: not needed", "messages": chat["messages"][:-1], "tools": chat["tools"], "expected": chat["messages"][-1]["content"]}
            continue
        k = calls[-1]
        expected = [c["function"] for c in chat["messages"][k]["tool_calls"]]
        kind = "two calls" if len(expected) > 1 else "one tool" if len(chat["tools"]) == 1 else "choice among several"
        yield {"skill": f"tools: call, {kind}", "messages": chat["messages"][:k], "tools": chat["tools"], "expected": expected}
        answer = next(n for n in range(k + 1, len(chat["messages"])) if chat["messages"][n]["role"] == "assistant")
        yield {"skill": "tools: answer from result", "messages": chat["messages"][:answer], "tools": chat["tools"], "expected": chat["messages"][answer]["content"]}


def all_cases(count):
    for skill in SKILLS:
        yield from skill_cases(skill, random.Random(f"{SEED} {skill.__name__}"), count)
    for skill in (fill, wrap):
        yield from json_cases(skill, random.Random(f"{SEED} {skill.__name__}"), 2 * count)
    yield from tool_cases(random.Random(SEED), count)


def ask(server, case, temperature, model):
    """-> the text, or the list of calls."""
    messages = []
    for m in case["messages"]:
        if m.get("tool_calls"):
            m = {**m, "tool_calls": [{"id": f"call_{i}", "type": "function", "function": {"name": c["function"]["name"], "arguments": json.dumps(c["function"]["arguments"], ensure_ascii=False)}}
                                     for i, c in enumerate(m["tool_calls"])]}
        messages.append({**m, "tool_call_id": "call_0"} if m["role"] == "tool" else m)
    body = {"model": model, "messages": messages, "temperature": temperature, "seed": 1, "max_tokens": MAX_TOKENS}
    if case["tools"]:
        body["tools"] = case["tools"]
        body["parallel_tool_calls"] = True
    request = urllib.request.Request(f"{server}/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as response:
        message = json.load(response)["choices"][0]["message"]
    if message.get("tool_calls"):
        return [{"name": c["function"]["name"], "arguments": json.loads(c["function"]["arguments"])} for c in message["tool_calls"]]
    return message.get("content") or ""


def right(case, got):
    expected = case["expected"]
    if case["skill"].startswith("json") and isinstance(got, str):
        try:
            return json.loads(got) == json.loads(expected)
        except ValueError:
            return False
    return got == expected or isinstance(got, str) and case["skill"] in RULES and RULES[case["skill"]](got, expected)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("server")
    parser.add_argument("--model", default="starter")
    parser.add_argument("--cases", type=int, default=40, help="cases per skill")
    parser.add_argument("--temperature", type=float, default=0)
    parser.add_argument("--skills", help="parts of names, separated by commas; the default is all")
    parser.add_argument("--wrong", type=int, default=0, help="wrong answers to show per skill")
    parser.add_argument("--json", help="file for the figures")
    options = parser.parse_args()
    only = options.skills.split(",") if options.skills else [""]
    cases = [c for c in all_cases(options.cases) if any(part in c["skill"] for part in only)]

    def judge(case):
        try:
            return case, ask(options.server.rstrip("/"), case, options.temperature, options.model)
        except (OSError, ValueError) as error:
            return case, f"({error})"

    marks, wrong = collections.defaultdict(list), collections.defaultdict(list)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for case, got in pool.map(judge, cases):
            marks[case["skill"]].append(right(case, got))
            if not marks[case["skill"]][-1]:
                wrong[case["skill"]].append((case["messages"][-1]["content"], got, case["expected"]))
    for skill, results in marks.items():
        print(f"{skill:36} {sum(results):4} / {len(results)}")
        for question, got, expected in wrong[skill][:options.wrong]:
            print(f"    {question!r}\n      got      {got!r}\n      expected {expected!r}")
    total = [m for results in marks.values() for m in results]
    print(f"{'all':36} {sum(total):4} / {len(total)}")
    if options.json:
        with open(options.json, "w") as f:
            json.dump({skill: [sum(results), len(results)] for skill, results in marks.items()}, f, indent=1)


if __name__ == "__main__":
    main()
