"""Saying things again and taking words apart."""
from corpus.word_lists import CITIES, NAMES, WORDS
from corpus.wording import cap, paragraph, pseudo, sentence


def repeat(r):
    if r.random() < .10:
        word = r.choice([r.choice(WORDS), pseudo(r), r.choice(NAMES)])
        n, times = r.choice([(2, "twice"), (3, "three times"), (4, "four times"), (5, "five times")])
        return [(r.choice([f"Say {word} {times}.", f"Say \"{word}\" {times}", f"Repeat {word} {times}"]), " ".join([word] * n))]
    k = r.random()
    if k < .62:
        s = sentence(r)
        if r.random() < .5:
            s = cap(s)
        if r.random() < .35:
            s += r.choice([".", "!", "?"])
    elif k < .85:
        s = paragraph(r, 2, 5)
    elif k < .93:
        s = ", ".join(r.choice([r.choice(WORDS), pseudo(r), str(r.randint(0, 999))]) for _ in range(r.randint(3, 10)))
    else:
        s = " ".join(r.choice([pseudo(r), str(r.randint(0, 9999)), r.choice(NAMES)]) for _ in range(r.randint(3, 8)))
    if s[0].islower() and r.random() < .2:
        return [(f"Say {s}", s)]
    u = r.choice([f"Repeat after me: {s}", f"Say: {s}", f"Please repeat: {s}", f"Repeat: {s}", f"Say \"{s}\"", f"Repeat this sentence: {s}", f"Write \"{s}\"", f"Echo {s}",
                  f"Repeat the following: {s}", f"Copy this text: {s}", f"Repeat exactly: {s}", f"Copy the following text:\n\n{s}"])
    return [(u, s)]


def spelling(r):
    w = r.choice([r.choice(WORDS), r.choice(WORDS), r.choice(WORDS), r.choice(NAMES), pseudo(r), r.choice(CITIES).split()[0]])
    k = r.random()
    if k < .62:
        turns = [(r.choice([f"Spell {w}.", f"Spell the word {w}", f"How do you spell {w}?", f"How is {w} spelled?"]), "-".join(w.lower()))]
        if r.random() < .15:
            other = r.choice(WORDS)
            turns.append((r.choice([f"And {other}?", f"Now {other}."]), "-".join(other)))
        return turns
    if k < .74:
        return [(f"What is the first letter of {w}?", f"The first letter of {w} is {w[0].lower()}.")]
    if k < .84:
        return [(f"What is the last letter of {w}?", f"The last letter of {w} is {w[-1].lower()}.")]
    if k < .94:
        return [(f"How many letters does {w} have?", f"{'-'.join(w.lower())}: {w} has {len(w)} letters.")]
    return [(r.choice([f"Spell {w} backwards.", f"Write {w} backwards", f"Reverse the word {w}."]), f"{'-'.join(w.lower())}: {w.lower()[::-1]}")]
