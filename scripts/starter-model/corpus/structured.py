"""Answers in JSON: objects on demand, filling given keys from a text, JSON mode."""
import json

from corpus.facts_world import CAPITALS, COLOURS
from corpus.knowledge import capital, category, colour, definition, translate, words
from corpus.numbers import arithmetic, compare, units
from corpus.small_talk import greet, identity, small_talk, unknown
from corpus.word_lists import ADJ, CITIES, HOBBIES, JOBS, KEYS, NAMES, NOUN, WORDS
from corpus.wording import art, bare, cap, comma_list, pseudo, vary
from corpus.writing import fun


def dumps(value):
    return json.dumps(value, ensure_ascii=False)


def as_json(r):
    k = r.random()
    if k < .5:
        n, a, c = r.choice(NAMES), r.randint(1, 99), r.choice(CITIES)
        fields = {"name": n, "age": a}
        s = r.choice([f"{n} is {a} years old", f"a person named {n} who is {a}", f"{n}, age {a}", f"name {n} and age {a}"])
        if r.random() < .5:
            fields["city"] = c
            s += r.choice([f" and lives in {c}", f" from {c}"])
        u = r.choice([f"Give me JSON for {s}.", f"Write JSON: {s}", f"Make a JSON object for {s}", f"{s}. Answer in JSON.", f"Convert to JSON: {s}"])
    elif k < .75:
        c, city = r.choice(CAPITALS)
        fields = {"country": c, "capital": city}
        u = r.choice([f"Give me the capital of {c} as JSON.", f"What is the capital of {c}? Answer in JSON.", f"JSON with the country {c} and its capital"])
    else:
        thing, c = r.choice(COLOURS)
        fields = {"thing": bare(thing), "color": c}
        u = r.choice([f"What colour is {thing}? Answer in JSON.", f"Give me the colour of {thing} as JSON."])
    return [(u, dumps(fields))]


def person(r):
    """A sentence about a person; keys that the sentence does not answer become null."""
    n, a, c, h, j, col = r.choice(NAMES), r.randint(1, 99), r.choice(CITIES), r.choice(HOBBIES), r.choice(JOBS), r.choice(COLOURS)[1]
    full = {"name": n, "age": a, "city": c, "hobby": h, "job": j, "colour": col}
    say = {"age": r.choice([f"{a} years old", f"{a}"]), "city": r.choice([f"from {c}", f"living in {c}"]), "hobby": f"fond of {h}", "job": art(j), "colour": f"a friend of the colour {col}"}
    told = ["name"] + r.sample(list(full)[1:], r.randint(1, 4))
    text = f"{n} is " + comma_list([say[k] for k in told[1:]]) + "."
    asked = told if r.random() < .6 else r.sample(told, r.randint(1, len(told)))
    if r.random() < .15:
        asked = asked + [r.choice([k for k in full if k not in told] or ["country"])]
    return {k: (full[k] if k in told else None) for k in asked}, r.choice([text, text, f"Tell me about {n}. {text}"])


def value(r):
    """-> a JSON value and how a text says it."""
    k = r.random()
    if k < .30:
        n = r.choice([r.randint(0, 99), r.randint(0, 9999), r.randint(0, 999) / 10])
        return n, str(n)
    if k < .42:
        b = r.random() < .5
        return b, r.choice(["yes", "true"] if b else ["no", "false"])
    if k < .52:
        items = [r.choice(WORDS) for _ in range(r.randint(2, 4))]
        return items, comma_list(items)
    s = r.choice([r.choice(WORDS), r.choice(NAMES), r.choice(CITIES), pseudo(r), f"{r.choice(ADJ)} {r.choice(NOUN)}", f"{r.choice('ABCX')}{r.randint(1, 99)}"])
    return s, s


def record(r):
    """Arbitrary keys with arbitrary values, and a text that tells them."""
    keys = r.sample(KEYS, r.randint(1, 5))
    if r.random() < .3:
        keys[0] = pseudo(r)
    pairs = {k: value(r) for k in keys}
    style = r.choice(["{}: {}", "{} = {}", "{} is {}", "the {} is {}", "{} {}"])
    said = [style.format(k.replace("_", " ") if r.random() < .5 else k, s) for k, (_, s) in pairs.items()]
    if r.random() < .5:
        r.shuffle(said)
    text = r.choice([lambda: "; ".join(said), lambda: "\n".join(said), lambda: ". ".join(map(cap, said)) + "."])()
    asked = {k: v for k, (v, _) in pairs.items() if len(pairs) == 1 or r.random() < .9} or {keys[0]: pairs[keys[0]][0]}
    if r.random() < .1:
        asked[r.choice([k for k in KEYS if k not in pairs])] = None
    return asked, text


TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", type(None): "string"}


def schema_of(fields):
    return {"type": "object", "properties": {k: {"type": TYPES[type(v)]} for k, v in fields.items()}, "required": list(fields)}


def wish(r, fields):
    """The instruction that names the fields."""
    names = ", ".join(fields)
    field, key = ("field", "key") if len(fields) == 1 else ("fields", "keys")
    return r.choice([f"Answer as JSON with the {field} {names}.", f"Answer as JSON with the {field} {names}.", f"Answer as JSON with the {field} {names}.",
                     f"Respond in JSON with the {key} {names}.", f"Return a JSON object with the {key} {comma_list(list(fields))}.",
                     f"Reply only with JSON. {cap(key)}: {names}.", f"Extract {names} as JSON.", f"Use this format: {{{', '.join(dumps(k) + ': ...' for k in fields)}}}",
                     f"Respond with JSON that follows this schema: {dumps(schema_of(fields))}"])


def fill(r):
    """A text and keys; the instruction stands in the system prompt or beside the text."""
    fields, text = person(r) if r.random() < .35 else record(r)
    if r.random() < .55:
        system = wish(r, fields)
        if r.random() < .3:
            system = r.choice(["You are a helpful assistant. ", "You extract data. ", "You are an API. "]) + system
        return system, text, dumps(fields)
    return None, r.choice([f"{wish(r, fields)}\n\n{text}", f"{wish(r, fields)} {text}", f"{text}\n\n{wish(r, fields)}"]), dumps(fields)


ANSWERED = [greet, small_talk, identity, arithmetic, capital, colour, definition, words, category, unknown, fun, units, compare, translate]


def wrap(r):
    """An ordinary answer inside of a JSON object."""
    skill = r.choice(ANSWERED)
    u, a = skill(r)[0]
    fields = {r.choice(["answer", "answer", "answer", "text", "result", "reply", "response", "message"]): a}
    if r.random() < .3:
        key, v = r.choice([("ok", True), ("sure", skill is not unknown), ("known", skill is not unknown)])
        fields[key] = v
    if "answer" in fields and len(fields) == 1 and r.random() < .5:
        system = r.choice(["Answer in JSON.", "Respond with a JSON object.", "Reply only with JSON.", "You are a helpful assistant. Answer in JSON.", "Respond in JSON.", "Output JSON."])
        if r.random() < .3:
            return None, f"{vary(r, u)} {r.choice(['Respond in JSON.', 'Answer in JSON.', 'Reply with JSON.'])}", dumps(fields)
    else:
        system = f"Answer as JSON with the {'field' if len(fields) == 1 else 'fields'} {', '.join(fields)}."
    return system, vary(r, u), dumps(fields)


def json_mode(r):
    """A whole chat."""
    system, user, answer = fill(r) if r.random() < .65 else wrap(r)
    messages = [{"role": "system", "content": system}] if system else []
    return {"messages": messages + [{"role": "user", "content": user}, {"role": "assistant", "content": answer}], "tools": None}
