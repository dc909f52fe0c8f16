"""Code: small examples, questions of how to do something, and briefs that ask for code with an explanation."""
from corpus.short_texts import CODE
from corpus.wording import indented, pick, pseudo, read_entries, vary

HOW_TO = [(*names[0].split(": ", 1), names, text) for names, text in read_entries("code")]
BRIEFS = [(*names[0].split(": ", 1), names, text) for names, text in read_entries("briefs")]
NOT_WRITTEN = ("I am sorry, I do not know how to write that. I am only a very small model. Ask me how to reverse a string, read a file or sort a list in Python, "
               "or add a larger model to the mesh.")
HARD_TASKS = """build a compiler|train a neural network|write a chess engine|connect to a Postgres database|make a mobile app|parse HTML|scrape a web site|draw a chart|resize an image|build a blockchain|
write an operating system|make a game|play a sound|send an email|solve a sudoku|write a parser|make a chat server|encrypt a file|compress a file|compute a hash|read a PDF file|rotate a matrix|
find the shortest path in a graph|build a web shop|write a device driver|convert a video|use a thread pool|render a 3D scene|implement a B-tree|write a regular expression for dates""".replace("\n", "").split("|")
OTHER_LANGUAGES = ["Rust", "C++", "C", "Ruby", "PHP", "Haskell", "Swift", "Kotlin", "Java", "Perl", "Scala"]


def snippet(r):
    (task, language), text = r.choice(list(CODE.items()))
    return [(r.choice([f"Write {task} in {language}.", f"Show me {task} in {language}", f"How do I write {task} in {language}?", f"{task} in {language}", f"Give me {task} in {language}."]), f"```{language.lower()}\n{text}\n```")]


ASK_HOW = ["How (can/could/would/should) (I/you/we/one) {t} (in/with/using) {l}?", "How do (I/you/we) {t} (with/using/in) {l}?", "How to {t} (in/with) {l}(?/)", "(Show me/Tell me/Explain) how to {t} in {l}.",
           "I (want/need/would like) to {t} in {l}.", "(Write/Give me/Show me) (some /a piece of /)code to {t} in {l}.", "What is the (best/easiest/simplest) way to {t} in {l}?", "{t} in {l}",
           "(Can/Could) you (show me how to /){t} in {l}?", "(Write/Give me) (a/some) {l} (code/example) (to/that can) {t}.", "In {l}, how (do/can) I {t}?", "(Write/Show me) {l} code to {t}."]


def how_to(r):
    language, _, names, text = r.choice(HOW_TO)
    tasks = [n.split(": ")[-1] for n in names]
    task = tasks[0] if r.random() < .6 else r.choice(tasks)
    turns = [(vary(r, pick(r, r.choice(ASK_HOW)).replace("{t}", task).replace("{l}", language)), text)]
    k = r.random()
    others = [(l, t) for l, first, _, t in HOW_TO if first == tasks[0] and l != language]
    if others and k < .3:
        other, other_text = r.choice(others)
        turns.append((r.choice([f"And in {other}?", f"How do I do that in {other}?", f"Now in {other}, please.", f"What about {other}?", f"Can you show me the same in {other}?"]), other_text))
    elif k < .45:
        code = text.split("```")[1]
        turns.append((r.choice(["Only the code, please.", "Just the code", "Show me only the code.", "Give me only the code."]), f"```{code}```"))
    elif k < .55:
        turns.append((r.choice(["Thanks!", "Thank you, that helps.", "Great, thanks!", "Perfect, thank you"]), "You are welcome!"))
    return turns


def code_unknown(r):
    """Tasks and languages beyond the model."""
    language = r.choice(["Python", "JavaScript", "TypeScript", "Go"] + OTHER_LANGUAGES)
    if language in OTHER_LANGUAGES and r.random() < .6:
        task = r.choice(r.choice(HOW_TO)[2]).split(": ")[-1]
    elif r.random() < .7:
        task = r.choice(HARD_TASKS)
    else:
        task = f"{r.choice(['build', 'write', 'make', 'program'])} a {pseudo(r)}"
    if r.random() < .35:
        return [(brief_text(r, task[:1].upper() + task[1:], language), NOT_WRITTEN)]
    return [(vary(r, pick(r, r.choice(ASK_HOW)).replace("{t}", task).replace("{l}", language)), NOT_WRITTEN)]


WISHES = ["(Clean/Clear/Readable/Simple)(, well-commented/, commented/, documented/) code", "(An explanation/Explanation/A short explanation/Explanations) of (how it works/the code/what it does/each step)",
          "(Example/An example of the/A short) usage", "(Good/Best/Common) (practices/habits)", "(Error handling/Error cases)", "(Some/A few) (tips/hints)", "(A test/Tests)", "(Comments/Type hints/Notes on security)"]


def brief_text(r, task, language):
    lines = [f"{r.choice(['Task', 'Task', 'Task', 'Goal', 'Problem'])}: {task}", f"{r.choice(['Language', 'Language', 'Language', 'Programming language'])}: {r.choice([language, language.lower()])}"]
    if r.random() < .85:
        lines += [""] * (r.random() < .8) + [pick(r, "(Please give me/Please provide/Give me/I need/Please include/I would like/Provide)") + ":"]
        mark = r.choice(["{}. ", "{}. ", "{}. ", "{}) ", "- "])
        lines += [mark.format(i + 1) + pick(r, w) for i, w in enumerate(r.sample(WISHES, r.randint(2, 5)) if r.random() < .5 else WISHES[:r.randint(2, 5)])]
    return indented(r, "\n".join(lines))


def brief(r):
    if r.random() < .7:
        language, _, names, text = r.choice(BRIEFS)
        task = pick(r, r.choice(names).split(": ")[-1])
        if r.random() < .2:                            # the same in one line
            return [(vary(r, r.choice([f"{task}.", f"{task} in {language}.", f"Please {task[0].lower() + task[1:]}."])), text)]
    else:
        language, _, names, text = r.choice(HOW_TO)
        task = r.choice(names).split(": ")[-1]
        task = r.choice([task[:1].upper() + task[1:], f"Write code to {task}", f"Write a program to {task}"])
    return [(brief_text(r, task, language), text)]
