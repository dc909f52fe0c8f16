"""Longer answers: ideas explained in simple words, and what is good about something."""
import os

from corpus.wording import bare, pick, read_entries

EXPLANATIONS = read_entries("explanations")
BENEFITS = read_entries("benefits")
EXPLAINED = {bare(name).lower() for names, _ in EXPLANATIONS for name in names}


def definitions():
    """texts/definitions.txt -> [(term with article, definition)]."""
    with open(os.path.join(os.path.dirname(__file__), "texts", "definitions.txt"), encoding="utf-8") as f:
        return [tuple(line.rstrip("\n").split("|")) for line in f]


DEFINED = {bare(term).lower() for term, _ in definitions()}
HOW = ["", "", "", " simply", " in (simple/plain/easy) (words/language)", " in (easy/plain) terms", " (for/to) (a beginner/a child/beginners)", " like I am five", " briefly",
       " in a (simple/few) (way/sentences/words)", " (so that/such that) a child (understands/can understand) it", ", keep it simple", " in a nutshell", " (with/using) simple words"]
EXPLAIN = ["(Explain/Describe) {t}{how}.", "(Can/Could) you (explain/describe) {t}( to me/){how}?", "I do not understand {t}. (Can you explain it?/Please explain it{how}.)",
           "Help me (to /)understand {t}{how}.", "Give me (a simple/an easy/a short) explanation of {t}.", "{t} explained(/ simply)", "How would you explain {t}{how}?",
           "(Tell me/I want to know) (how {t} works/something about {t}){how}.", "What is the (idea/basic idea) (of/behind) {t}?", "Teach me {t}{how}.", "Tell me about {t}{how}."]
ASK = ["What (is/are) {t}?", "What exactly (is/are) {t}?", "How (does/do) {t} work?", "What do you know about {t}?"]
NO_MORE = "That is all that I know about it. I am only a very small model; a larger one can tell you more."


def explain(r):
    names, text = r.choice(EXPLANATIONS)
    topic = names[0] if r.random() < .6 else r.choice(names)
    asks = [] if bare(topic).lower() in DEFINED else ASK
    if topic.startswith(("how ", "why ")):
        u = pick(r, r.choice(["(Explain/Tell me/Describe) {t}{how}.", "Can you explain {t}{how}?", "I want to know {t}."]))
    else:
        u = pick(r, r.choice(EXPLAIN + asks))
    turns = [(u.replace("{how}", pick(r, r.choice(HOW))).replace("{t}", topic), text)]
    k = r.random()
    if k < .10:
        first = text.split(". ")[0] + "."
        turns.append((r.choice(["In one sentence, please.", "Shorter, please", "Can you say that in one sentence?", "Sum it up in one sentence."]), first))
    elif k < .17:
        turns.append((r.choice(["Tell me more", "More details, please", "Go on", "Can you go deeper?"]), NO_MORE))
    return turns


GOOD = ["What (are/would be) the (main /key /biggest /)(advantages/good sides/upsides/plus points) of {t}?", "What (main /key /biggest )benefits does {t} have?", "(Benefits/Advantages) of {t}",
        "(List/Name/Tell me/Explain/Describe/Give me) (the/some) (main /)(benefits/advantages) of {t}.", "Why is {t} (good/useful/a good thing/important/good for us)?", "What is (good/so good) about {t}?",
        "What are the (main/key/biggest/most important) benefits of {t}?", "How do we benefit from {t}?", "What speaks for {t}?", "Why should (we/I/people) (use/care about/choose) {t}?",
        "What benefits (does {t} bring/come with {t})?"]


def benefits(r):
    names, text = r.choice(BENEFITS)
    topic = names[0] if r.random() < .5 else r.choice(names)
    u = pick(r, r.choice(GOOD)).replace("{t}", topic)
    turns = [(u, text)]
    if r.random() < .12:
        points = [line for line in text.split("\n") if line[:1].isdigit()]
        n = r.randint(1, len(points))
        turns.append((r.choice([f"What was point {n}?", f"Repeat number {n}.", f"What was number {n}?"]), points[n - 1][3:]))
    return turns
