"""Short facts: capitals, colours, definitions, words, categories, translations, emoji, advice, sentiment."""
from corpus.facts_language import ACRONYMS, EMOJI, OPPOSITES, PLURALS, TRANSLATE
from corpus.facts_world import ANIMALS, CAPITALS, CATEGORIES, COLOURS, PLURAL_CAT
from corpus.explaining import EXPLAINED, definitions
from corpus.short_texts import ADVICE
from corpus.wording import art, bare, cap, comma_list

DEFINITIONS = definitions()
COUNTLESS = ("drink", "planet", "metal", "season", "sport", "programming language", "database", "colour")
MIXES = {("red", "blue"): "purple", ("red", "yellow"): "orange", ("blue", "yellow"): "green", ("black", "white"): "grey", ("red", "white"): "pink"}


def capital(r):
    country, city = r.choice(CAPITALS)
    x = r.random()
    if x < .62:
        u = r.choice([f"What is the capital of {country}?", f"What is the capital city of {country}?", f"Capital of {country}", f"capital of {country}?",
                      f"Tell me the capital of {country}.", f"What's the capital of {country}?", f"Name the capital of {country}",
                      f"Do you know the capital of {country}?", f"Which city is the capital of {country}?"])
        turns = [(u, f"The capital of {country} is {city}.")]
        while r.random() < .25:
            country, city = r.choice(CAPITALS)
            turns.append((r.choice([f"And of {country}?", f"And {country}?", f"What about {country}?", f"and the capital of {country}?"]), f"The capital of {country} is {city}."))
        return turns
    if x < .85:
        u = r.choice([f"{city} is the capital of which country?", f"Which country has the capital {city}?", f"In which country is {city}?", f"Where is {city}?", f"What country is {city} in?"])
        return [(u, f"{city} is the capital of {country}.")]
    other = city if r.random() < .5 else r.choice(CAPITALS)[1]
    return [(f"Is {other} the capital of {country}?", f"{'Yes' if city == other else 'No'}, the capital of {country} is {city}.")]


def colour(r):
    thing, value = r.choice(COLOURS)
    word = r.choice(["colour", "color"])
    if r.random() < .15:
        other = r.choice([value, r.choice(COLOURS)[1]])
        return [(f"Is {thing} {other}?", f"{'Yes' if other == value else 'No'}, {thing} is {value}.")]
    u = r.choice([f"What {word} is {thing}?", f"What is the {word} of {thing}?", f"Which {word} does {thing} have?", f"Tell me the {word} of {thing}."])
    turns = [(u, cap(thing) + f" is {value}.")]
    if r.random() < .2:
        thing, value = r.choice(COLOURS)
        turns.append((r.choice([f"And {thing}?", f"What about {thing}?"]), cap(thing) + f" is {value}."))
    return turns


def mix(r):
    (a, b), c = r.choice(list(MIXES.items()))
    if r.random() < .5:
        a, b = b, a
    return [(r.choice([f"What do you get when you mix {a} and {b}?", f"Mix {a} and {b}", f"What colour do {a} and {b} make?"]), f"{cap(a)} and {b} make {c}.")]


def definition(r):
    term, text = r.choice(DEFINITIONS)
    b = bare(term)
    questions = [f"What is {term}?", f"What is {term}?", f"What is {b}?", f"What's {term}?", f"Define {b}", f"What does {b} mean?", f"Tell me what {term} is",
                 f"What do you know about {b}?", f"Do you know what {term} is?", f"{b}?", f"what is {b}"]
    if b.lower() not in EXPLAINED:
        questions += [f"Explain {term}", f"Explain {b}.", f"Tell me about {term}.", f"Can you explain {b}?", f"Explain {b} in simple words."]
    first = text.split(". ")[0].rstrip(".") + "."
    x = r.random()
    if x < .08:
        return [(r.choice([f"Explain {term} in one sentence.", f"In one sentence, what is {term}?", f"What is {term}, in short?"]), first)]
    if x < .14 and first != text:
        return [(r.choice([f"Explain {term} in one sentence.", f"In one sentence, what is {term}?"]), first),
                (r.choice(["Tell me more", "More, please", "Go on", "And?"]), text[len(first) + 1:])]
    if x < .20 and first != text:
        return [(r.choice(questions), text), (r.choice(["In one sentence, please.", "Shorter, please", "Can you say that in one sentence?"]), first)]
    return [(r.choice(questions), text)]


def acronym(r):
    short, long = r.choice(ACRONYMS)
    return [(r.choice([f"What does {short} stand for?", f"What is {short} short for?", f"What is the long form of {short}?"]), f"{short} stands for {long}.")]


def words(r):
    k = r.random()
    if k < .35:
        a, b = r.choice(OPPOSITES)
        if r.random() < .5 and a not in ("light", "old") and b not in ("light", "old"):
            a, b = b, a
        return [(r.choice([f"What is the opposite of {a}?", f"Opposite of {a}?", f"Tell me the opposite of {a}.", f"What's the opposite of {a}?"]), f"The opposite of {a} is {b}.")]
    if k < .55:
        a, b = r.choice(PLURALS)
        return [(r.choice([f"What is the plural of {a}?", f"Plural of {a}?", f"Give me the plural of {a}."]), f"The plural of {a} is {b}.")]
    name, sound, young, legs, kind = r.choice(ANIMALS)
    if k < .67:
        return [(r.choice([f"What sound does {art(name)} make?", f"What does {art(name)} do?"]), f"{cap(art(name))} {sound}.")]
    if k < .79:
        return [(r.choice([f"What is a baby {name} called?", f"What do you call a young {name}?"]), f"A baby {name} is called {art(young)}.")]
    if k < .90:
        return [(f"How many legs does {art(name)} have?", f"{cap(art(name))} has {legs} legs.")]
    return [(f"What kind of animal is {art(name)}?", f"{cap(art(name))} is {art(kind)}.")]


def category(r):
    group = r.choice(list(CATEGORIES))
    members, plural = CATEGORIES[group], PLURAL_CAT[group]
    word = r.choice(members)
    article = (lambda x: x) if group in COUNTLESS else art
    k = r.random()
    if k < .40:
        n = r.randint(2, min(5, len(members)))
        number = ["", "one", "two", "three", "four", "five"][n]
        some = members[:n] if r.random() < .7 else r.sample(members, n)
        return [(r.choice([f"Name {number} {plural}.", f"List {number} {plural}", f"Tell me {number} {plural}.", f"Give me {number} {plural}", f"Name {n} {plural}"]), cap(comma_list(some)) + ".")]
    if k < .52:
        return [(r.choice([f"Name {art(group)}.", f"Tell me {art(group)}", f"Give me an example of {art(group)}."]), f"{cap(word)} is {art(group)}.")]
    if k < .80:
        asked = r.choice([group, r.choice(list(CATEGORIES))])
        yes = word in CATEGORIES[asked] or (group == "bird" and asked == "animal")
        return [(f"Is {article(word)} {art(asked)}?", f"{'Yes' if yes else 'No'}, {article(word)} is {art(asked if yes else group)}.")]
    answer = f"{cap(article(word))} is {art(group)}."
    if any(bare(term) == word for term, _ in DEFINITIONS):           # "What is a train?" already has a better answer
        return [(f"What kind of thing is {article(word)}?", answer)]
    return [(r.choice([f"What is {article(word)}?", f"What kind of thing is {article(word)}?"]), answer)]


def translate(r):
    language = r.choice(list(TRANSLATE))
    a, b = r.choice(TRANSLATE[language])
    if r.random() < .75:
        turns = [(r.choice([f"How do you say {a} in {language}?", f"Translate {a} to {language}.", f"What is {a} in {language}?", f"Translate \"{a}\" into {language}",
                            f"What is the {language} word for {a}?", f"{a} in {language}?"]), f"In {language}, {a} is {b}.")]
        others = [(other, dict(pairs)[a]) for other, pairs in TRANSLATE.items() if other != language and a in dict(pairs)]
        if others and r.random() < .25:
            other, c = r.choice(others)
            turns.append((r.choice([f"And in {other}?", f"What about {other}?"]), f"In {other}, {a} is {c}."))
        return turns
    return [(r.choice([f"What does {b} mean?", f"What does the {language} word {b} mean?", f"Translate {b} to English."]), f"The {language} word {b} means {a}.")]


def emoji(r):
    name, sign = r.choice(EMOJI)
    k = r.random()
    if k < .7:
        return [(r.choice([f"Show me {art(name)} emoji.", f"Send {art(name)} emoji", f"What is the emoji for {name}?", f"{name} emoji", f"Give me the {name} emoji."]), sign)]
    if k < .85:
        return [(r.choice([f"What is {sign}?", f"What does {sign} mean?", f"{sign}"]), f"{sign} is the {name} emoji.")]
    some = r.sample(EMOJI, 3)
    return [(f"Show me the emojis for {some[0][0]}, {some[1][0]} and {some[2][0]}.", " ".join(x[1] for x in some))]


def advice(r):
    aim, text = r.choice(list(ADVICE.items()))
    return [(r.choice([f"How do I {aim}?", f"How can I {aim}?", f"Tell me how to {aim}.", f"How to {aim}?", f"I want to {aim}.", f"Help me to {aim}", f"Give me advice on how to {aim}"]), text)]


GOOD = ["I love this", "This is great", "What a wonderful day", "The food was very good", "I am so happy with it", "It works very well", "The best film ever", "A kind and helpful team"]
BAD = ["I hate this", "This is terrible", "What an awful day", "The food was very bad", "I am so unhappy with it", "It does not work at all", "The worst film ever", "A rude and slow team"]


def sentiment(r):
    positive = r.random() < .5
    text = r.choice(GOOD if positive else BAD)
    return [(r.choice([f"Is this positive or negative? {text}.", f"What is the sentiment of: {text}", f"Classify the sentiment: {text}.", f"Sentiment of \"{text}\"?"]), "positive" if positive else "negative")]
