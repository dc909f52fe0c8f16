"""Small helpers for text, and the surface noise that makes the model robust to how a question is put."""
import os
import re

from corpus.word_lists import ADJ, CITIES, NAMES, NOUN, VERB, WORDS

ONSETS = "b c d f g h k l m n p r s t v w z br cl dr fl gr kr pl st tr sh th qu".split()
NUCLEI = "a e i o u ai ea oo ou".split()
CODAS = ["", "n", "r", "l", "s", "t", "x", "ck", "ng", ""]


def cap(text):
    return text[:1].upper() + text[1:]


def bare(term):
    """"a KV cache" -> "KV cache"."""
    return re.sub(r"^(a|an|the) ", "", term)


def art(word):
    return ("an " if word[0].lower() in "aeiou" else "a ") + word


def comma_list(items):
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def pick(r, pattern):
    """Chooses one alternative of every group: "(Tell/Write) me a (short/) story" -> "Write me a story"."""
    while "(" in pattern:
        pattern = re.sub(r"\(([^()]*)\)", lambda m: r.choice(m[1].split("/")), pattern)
    return pattern


def pseudo(r):
    """A pronounceable invented word."""
    return "".join(r.choice(ONSETS) + r.choice(NUCLEI) for _ in range(r.randint(1, 3))) + r.choice(CODAS)


def sentence(r):
    """A random sentence, mostly sensible, without a full stop."""
    noun, adjective = lambda: r.choice(NOUN), lambda: r.choice(ADJ)
    k = r.random()
    if k < .30:
        return f"the {adjective()} {noun()} {r.choice(VERB)} the {adjective()} {noun()}"
    if k < .45:
        return f"{r.choice(NAMES)} {r.choice(VERB)} {art(adjective())} {noun()}"
    if k < .60:
        return f"my {noun()} is {adjective()} and my {noun()} is {adjective()}"
    if k < .70:
        return " ".join(r.choice(WORDS) for _ in range(r.randint(1, 6)))
    if k < .80:
        return " ".join(pseudo(r) for _ in range(r.randint(1, 3)))
    if k < .88:
        return f"{r.choice(NAMES)} is in {r.choice(CITIES)}"
    if k < .92:
        return f"this is {art(adjective())} {noun()}"
    return f"I have {r.randint(2, 99)} {noun()}s and {r.randint(2, 99)} {noun()}s"


def paragraph(r, low, high):
    """Several random sentences."""
    return " ".join(cap(sentence(r)) + "." for _ in range(r.randint(low, high)))


def vary(r, text):
    """Surface noise on a user's text; never used on text that must be copied."""
    k = r.random()
    if k < .10:
        text = r.choice(["Please ", "please ", "Hey, ", "Hi, ", "Can you tell me: ", "I want to know: ", "Hello! "]) + text[:1].lower() + text[1:]
    elif k < .14:
        text = text.rstrip(".!?") + r.choice([", please", " please", " please?", ", thanks"])
    elif k < .18:
        text = r.choice(["I have a question. ", "Quick question: ", "I am new here. ", "Hello. ", "One more thing: ", "Now something else. ", "My friend asked me: "]) + text
    if r.random() < .15:
        text = text.lower()
    if r.random() < .20:
        text = text.rstrip(".?!")
    elif r.random() < .05:
        text += r.choice(["!", "?", ".", "??", " :)"])
    return text


def indented(r, text):
    """Briefs often come from indented string literals: random margin, blank lines and tail."""
    margin = r.choice(["", "", "    ", "    ", "  ", "\t", "        "])
    blank = r.choice(["", margin])
    lines = [margin + line if line else blank for line in text.split("\n")]
    if r.random() < .5:
        return "\n" + "\n".join(lines) + "\n" + margin
    return "\n".join(lines).strip() if r.random() < .5 else "\n".join(lines)


def read_entries(name):
    """texts/NAME.txt -> [(names, text)]; an entry starts with a line "@ name | other name"."""
    with open(os.path.join(os.path.dirname(__file__), "texts", name + ".txt"), encoding="utf-8") as f:
        entries = re.split(r"^@ ", f.read(), flags=re.M)[1:]
    return [(tuple(n.strip() for n in head.split(" | ")), body.strip("\n")) for head, body in (e.split("\n", 1) for e in entries)]
