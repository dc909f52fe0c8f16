"""Chats with tools: choosing one, filling its arguments, answering from its result.

A scene is (tool, question, arguments, result, answer).
"""
import json

from corpus.knowledge import capital, colour, definition, words
from corpus.small_talk import greet, identity, small_talk
from corpus.explaining import definitions
from corpus.word_lists import ADJ, CITIES, KEYS, NAMES, NOUN, WORDS
from corpus.wording import art, bare, cap, comma_list, pseudo, sentence, vary

TERMS = [bare(term) for term, _ in definitions()]
STRING, NUMBER, INTEGER, BOOLEAN = {"type": "string"}, {"type": "number"}, {"type": "integer"}, {"type": "boolean"}
LIST = {"type": "array", "items": STRING}


def enum(*values):
    return {"type": "string", "enum": list(values)}


def tool(name, description, properties, required=None):
    parameters = {"type": "object", "properties": properties, "required": list(properties) if required is None else required}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


# ---- tools of everyday life
def weather(r):
    city, degrees, sky = r.choice(CITIES), r.randint(-5, 35), r.choice(["sunny", "cloudy", "rainy", "windy", "foggy"])
    name = r.choice(["get_weather", "get_weather", "get_current_weather", "weather", "fetch_weather", "getWeather", "weather_lookup"])
    key = r.choice(["city", "city", "location", "location", "place", "town"])
    properties, arguments, tail = {key: STRING}, {key: city}, ""
    if r.random() < .35:
        properties["unit"] = enum(*r.choice([("celsius", "fahrenheit"), ("fahrenheit", "celsius"), ("metric", "imperial")]))
        if r.random() < .5:
            arguments["unit"] = r.choice(properties["unit"]["enum"])
            tail = " in " + arguments["unit"]
    u = r.choice([f"What is the weather in {city}{tail}?", f"How is the weather in {city}{tail}?", f"Weather in {city}{tail}", f"Is it raining in {city}{tail}?",
                  f"What's the weather like in {city}{tail or ' today'}?", f"Tell me the weather in {city}{tail}.", f"Do I need an umbrella in {city}{tail}?", f"How warm is it in {city}{tail}?"])
    result = r.choice([{"temperature": degrees, "sky": sky}, {"temperature": degrees, "condition": sky}, {"temp": degrees, "weather": sky}, {key: city, "temperature": degrees, "sky": sky}])
    return tool(name, r.choice(["Get the weather in a city", "Current weather for a city", "Look up the weather", "Get the current weather in a given location"]), properties, [key]), u, arguments, result, f"It is {degrees} degrees and {sky} in {city}."


def clock(r):
    city, now = r.choice(CITIES), f"{r.randint(0, 23):02}:{r.randint(0, 59):02}"
    key = r.choice(["city", "city", "location", "timezone"])
    return (tool(r.choice(["get_time", "get_time", "get_current_time", "current_time"]), r.choice(["Get the time in a city", "Current time in a city"]), {key: STRING}),
            r.choice([f"What time is it in {city}?", f"Tell me the time in {city}.", f"Time in {city}?"]), {key: city}, {"time": now}, f"It is {now} in {city}.")


def calculator(r):
    a, b = r.randint(100, 9999), r.randint(2, 9999)
    name, description, sign, word, result = r.choice([("add", "Add two numbers", "+", "plus", a + b), ("add", "Sum of two numbers", "+", "plus", a + b),
                                                      ("multiply", "Multiply two numbers", "*", "times", a * b), ("subtract", "Subtract two numbers", "-", "minus", a - b)])
    if r.random() < .3:
        expression = f"{a} {sign} {b}"
        return (tool(r.choice(["calculate", "calculator", "evaluate"]), "Evaluate an expression", {"expression": STRING}), r.choice([f"What is {expression}?", f"Calculate {expression}"]),
                {"expression": expression}, {"result": result}, f"{expression} = {result}.")
    x, y = r.choice([("a", "b"), ("a", "b"), ("x", "y"), ("first", "second")])
    return (tool(name, description, {x: NUMBER, y: NUMBER}), r.choice([f"What is {a} {sign} {b}?", f"Calculate {a} {sign} {b}.", f"{a} {word} {b}"]),
            {x: a, y: b}, {"result": result}, f"{a} {sign} {b} = {result}.")


def timer(r):
    n = r.randint(1, 60)
    return (tool("set_timer", r.choice(["Set a timer", "Start a timer in minutes"]), {"minutes": r.choice([NUMBER, INTEGER])}),
            r.choice([f"Set a timer for {n} minutes.", f"Start a timer of {n} minutes", f"Wake me in {n} minutes"]), {"minutes": n}, {"ok": True}, f"The timer is set for {n} minutes.")


def message(r):
    n, s = r.choice(NAMES), sentence(r)
    return (tool("send_message", r.choice(["Send a message to a person", "Send a text message"]), {"to": STRING, "text": STRING}),
            r.choice([f"Send a message to {n}: {s}", f"Tell {n}: {s}", f"Write to {n}: {s}"]), {"to": n, "text": s}, {"ok": True}, f"The message to {n} was sent.")


def search(r):
    query, n = r.choice([sentence(r), f"{r.choice(ADJ)} {r.choice(NOUN)}", pseudo(r), r.choice(TERMS)]), r.randint(1, 20)
    return (tool(r.choice(["search", "search", "web_search", "search_documents"]), r.choice(["Search the web", "Search documents"]), {"query": STRING}),
            r.choice([f"Search for {query}", f"Search the web for {query}", f"Find {query}", f"Look up {query}"]), {"query": query}, {"results": n}, f"I found {n} results for {query}.")


def light(r):
    room, state = r.choice("kitchen bedroom office hall garden bathroom garage".split()), r.choice(["on", "off"])
    return (tool(r.choice(["set_light", "set_light", "switch_light"]), r.choice(["Switch a light", "Turn a light on or off"]), {"room": STRING, "state": r.choice([STRING, enum("on", "off")])}),
            r.choice([f"Turn {state} the light in the {room}.", f"Turn the {room} light {state}", f"Switch {state} the {room} light"]), {"room": room, "state": state}, {"ok": True}, f"The light in the {room} is now {state}.")


def to_do(r):
    title = r.choice(["buy", "clean", "fix", "find", "paint", "call", "read"]) + " the " + r.choice(NOUN)
    return (tool(r.choice(["add_todo", "add_task", "create_task"]), r.choice(["Add an item to the to-do list", "Create a to-do"]), {"title": STRING}),
            r.choice([f"Add to my list: {title}", f"Remind me to {title}.", f"Add a to-do: {title}"]), {"title": title}, {"ok": True}, f"I added \"{title}\" to your list.")


def event(r):
    title, day, guests = r.choice(["lunch", "meeting", "dinner", "party", "training", "call"]), r.choice("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()), r.sample(NAMES, r.randint(1, 3))
    return (tool(r.choice(["create_event", "schedule_meeting", "add_event"]), r.choice(["Create an event in the calendar", "Schedule an event"]), {"title": STRING, "day": STRING, "guests": LIST}),
            r.choice([f"Plan a {title} on {day} with {comma_list(guests)}.", f"Schedule a {title} for {day} with {comma_list(guests)}", f"Create an event: {title} on {day} with {comma_list(guests)}"]),
            {"title": title, "day": day, "guests": guests}, {"ok": True}, f"The {title} on {day} with {comma_list(guests)} is planned.")


def table(r):
    place, people, hour = f"{cap(pseudo(r))}", r.randint(2, 12), f"{r.randint(11, 22)}:00"
    return (tool(r.choice(["book_table", "reserve_table"]), "Book a table in a restaurant", {"restaurant": STRING, "people": INTEGER, "time": STRING}),
            r.choice([f"Book a table for {people} at {place} at {hour}.", f"Reserve a table at {place} for {people} people at {hour}"]),
            {"restaurant": place, "people": people, "time": hour}, {"ok": True}, f"A table for {people} at {place} is booked for {hour}.")


def currency(r):
    money = ["EUR", "USD", "GBP", "JPY", "CHF", "SEK"]
    (a, b), n, result = r.sample(money, 2), r.randint(1, 999), r.randint(1, 9999)
    return (tool(r.choice(["convert_currency", "exchange"]), "Convert an amount of money", {"amount": NUMBER, "from": r.choice([STRING, enum(*money)]), "to": STRING}),
            r.choice([f"Convert {n} {a} to {b}.", f"How much is {n} {a} in {b}?", f"Change {n} {a} into {b}"]), {"amount": n, "from": a, "to": b}, {"result": result}, f"{n} {a} is {result} {b}.")


def thermostat(r):
    n, room, unit = r.randint(15, 28), r.choice("kitchen bedroom office hall bathroom".split()), r.choice(["celsius", "fahrenheit"])
    return (tool("set_temperature", "Set the temperature of a room", {"room": STRING, "degrees": NUMBER, "unit": enum("celsius", "fahrenheit")}),
            r.choice([f"Set the {room} to {n} degrees {unit}.", f"Heat the {room} to {n} {unit}"]), {"room": room, "degrees": n, "unit": unit}, {"ok": True}, f"The {room} is set to {n} degrees {unit}.")


# ---- tools that the model has never seen
QUANTITIES = "price name owner status size age address number balance score version level date title weight height speed rating count stock color author email".split()
THINGS = "item id name city user file order key path email product query text account country team book server symbol customer".split()
READ = "get find check read load fetch lookup".split()


def value_for(r, parameter):
    if parameter in ("id", "order", "key", "account", "user_id", "order_id", "code"):
        return r.choice([str(r.randint(1, 9999)), pseudo(r), f"{r.choice('ABCX')}{r.randint(1, 99)}"])
    if parameter in ("name", "user", "email", "team", "customer", "author", "owner"):
        return r.choice(NAMES) if r.random() < .7 else cap(pseudo(r))
    if parameter in ("city", "from_city", "to_city", "country"):
        return r.choice(CITIES)
    return r.choice([r.choice(NOUN), r.choice(WORDS), pseudo(r), f"{r.choice(ADJ)} {r.choice(NOUN)}"])


def quantity(r):
    """get_price(item): understood from its name."""
    n, p, verb = r.choice(QUANTITIES + [pseudo(r)] * 8), r.choice(THINGS), r.choice(READ)
    asked, result = value_for(r, p), r.choice([r.randint(1, 999), r.choice(WORDS), r.choice(NAMES), "ok", "open"])
    name = r.choice([f"{verb}_{n}", f"{verb}_{p}_{n}", n])
    return (tool(name, r.choice([f"{cap(verb)} the {n} of {art(p)}", f"The {n} of {art(p)}", f"Returns the {n}"]), {p: STRING}),
            r.choice([f"What is the {n} of {asked}?", f"{cap(verb)} the {n} of {asked}.", f"Tell me the {n} of {asked}", f"I need the {n} of {p} {asked}.", f"Use {name} for {asked}"]),
            {p: asked}, {r.choice([n, n, "result", "value"]): result}, f"The {n} of {asked} is {result}.")


def typed_value(r, parameter):
    """-> schema, JSON value, and how the user says it."""
    k = r.random()
    if k < .28:
        n = r.randint(0, 999) if r.random() < .8 else r.randint(0, 999) / 10
        return (NUMBER if isinstance(n, float) else r.choice([NUMBER, INTEGER])), n, str(n)
    if k < .38:
        b = r.random() < .5
        return BOOLEAN, b, r.choice(["true", "yes", "on"] if b else ["false", "no", "off"])
    if k < .50:
        options = r.sample(WORDS, r.randint(2, 4))
        v = r.choice(options)
        return enum(*options), v, v
    if k < .60:
        items = [r.choice(WORDS) for _ in range(r.randint(1, 3))]
        return LIST, items, comma_list(items)
    if k < .67:
        keys = r.sample(KEYS, 2)
        v = {x: (r.randint(1, 99) if r.random() < .4 else value_for(r, x)) for x in keys}
        return {"type": "object", "properties": {x: (INTEGER if isinstance(y, int) else STRING) for x, y in v.items()}}, v, " and ".join(f"{x} {y}" for x, y in v.items())
    v = value_for(r, parameter)
    return STRING, v, v


def explicit(r):
    """Call X with a = 1 and b = 2."""
    name = "_".join(r.choice([r.choice(NOUN), r.choice(READ), r.choice(WORDS), pseudo(r)]) for _ in range(r.randint(1, 2)))
    made = {p: typed_value(r, p) for p in r.sample(KEYS, r.randint(1, 4))}
    left_out = r.sample(list(made), 1) if len(made) > 1 and r.random() < .2 else []
    form = r.choice(["{} {}", "{} = {}", "{}: {}", "{} is {}", "{} set to {}"])
    said = [form.format(p, s) for p, (_, _, s) in made.items() if p not in left_out]
    u = r.choice([f"Call {name} with ", f"Use {name} with ", f"Run {name} with ", f"Please call {name} with "]) + r.choice([comma_list(said), ", ".join(said)]) + r.choice([".", ""])
    return (tool(name, r.choice([f"Runs {name}", f"{cap(r.choice(READ))} {art(r.choice(NOUN))}", "A useful tool"]), {p: s for p, (s, _, _) in made.items()}, [p for p in made if p not in left_out]),
            u, {p: v for p, (_, v, _) in made.items() if p not in left_out}, {"ok": True}, f"{name} is done.")


SCENES = [weather, weather, clock, calculator, timer, message, search, light, to_do, event, table, currency, thermostat, quantity, quantity, quantity, explicit, explicit, explicit, explicit]
NOT_NEEDED = [greet, small_talk, identity, capital, definition, colour, words]
SYSTEMS = ["You are a helpful assistant.", "You are a helpful assistant with tools.", "Use the tools when they help.", "You are an assistant that can call tools.", "Answer briefly."]


def result_turn(r, name, scene):
    """The tool's message and the assistant's answer."""
    _, _, arguments, result, answer = scene
    k = r.random()
    if k < .06:
        reason = r.choice(["not found", "timeout", "no access", "unknown " + r.choice(list(arguments)), sentence(r)])
        return json.dumps({"error": reason}, ensure_ascii=False), f"The tool {name} failed: {reason}."
    if k < .16 and "ok" not in result:
        facts = {x: r.choice([r.randint(1, 999), r.choice(WORDS), r.choice(NAMES)]) for x in r.sample(KEYS, r.randint(2, 3))}
        return json.dumps(facts, ensure_ascii=False), "The result: " + comma_list([f"{x} is {y}" for x, y in facts.items()]) + "."
    if k < .22:
        text = sentence(r)
        return text, f"The tool says: {text}"
    return json.dumps(result, ensure_ascii=False), answer


def call_of(name, arguments):
    return {"function": {"name": name, "arguments": arguments}}


def with_tools(r):
    """A whole chat."""
    scenes, names = [], set()
    for _ in range(r.choices([1, 2, 3, 4, 6], [36, 32, 20, 10, 2])[0]):
        scene = r.choice(SCENES)(r)
        name = scene[0]["function"]["name"]
        if name not in names:
            names.add(name)
            scenes.append(scene)
    messages = [{"role": "system", "content": r.choice(SYSTEMS)}] if r.random() < .4 else []
    k = r.random()
    if k < .2:
        for u, a in r.choice(NOT_NEEDED)(r):
            messages += [{"role": "user", "content": vary(r, u)}, {"role": "assistant", "content": a}]
    else:
        for scene in r.sample(scenes, min(len(scenes), 2 if k > .92 else 1)):
            definition_, u, arguments, _, _ = scene
            name = definition_["function"]["name"]
            content, answer = result_turn(r, name, scene)
            messages += [{"role": "user", "content": u}, {"role": "assistant", "content": "", "tool_calls": [call_of(name, arguments)]},
                         {"role": "tool", "content": content}, {"role": "assistant", "content": answer}]
        if r.random() < .2:
            messages += [{"role": "user", "content": r.choice(["Thanks", "Thank you", "Thank you!"])}, {"role": "assistant", "content": "You are welcome!"}]
    return {"messages": messages, "tools": [s[0] for s in scenes]}


def two_calls(r):
    """One question about two cities: two calls at once."""
    a, b = r.sample(CITIES, 2)
    scene = weather(r) if r.random() < .6 else clock(r)
    name = scene[0]["function"]["name"]
    key = scene[0]["function"]["parameters"]["required"][0]
    if "time" in name:
        x, y = f"{r.randint(0, 23):02}:{r.randint(0, 59):02}", f"{r.randint(0, 23):02}:{r.randint(0, 59):02}"
        results, u = [{"time": x}, {"time": y}], f"What time is it in {a} and in {b}?"
        answer = f"It is {x} in {a}. It is {y} in {b}."
    else:
        x, y = (r.randint(-5, 35), r.choice(["sunny", "cloudy", "rainy"])), (r.randint(-5, 35), r.choice(["sunny", "cloudy", "rainy"]))
        results, u = [{"temperature": n, "sky": s} for n, s in (x, y)], r.choice([f"What is the weather in {a} and in {b}?", f"Weather in {a} and {b}?"])
        answer = f"It is {x[0]} degrees and {x[1]} in {a}. It is {y[0]} degrees and {y[1]} in {b}."
    return {"messages": [{"role": "user", "content": u}, {"role": "assistant", "content": "", "tool_calls": [call_of(name, {key: c}) for c in (a, b)]},
                         *({"role": "tool", "content": json.dumps(x)} for x in results), {"role": "assistant", "content": answer}], "tools": [scene[0]]}
