"""Facts that the user stated earlier, and questions about the chat itself."""
from corpus.facts_world import COLOURS
from corpus.word_lists import CITIES, HOBBIES, JOBS, NAMES
from corpus.wording import art, cap


def stated(r):
    """[(statement, reply, question, answer)] about one user."""
    name, city, colour, hobby, job = r.choice(NAMES), r.choice(CITIES), r.choice(COLOURS)[1], r.choice(HOBBIES), r.choice(JOBS)
    return [
        (r.choice([f"My name is {name}.", f"I am {name}", f"Hi, I am {name}!", f"Call me {name}", f"Hello, my name is {name}"]), f"Nice to meet you, {name}!",
         r.choice(["What is my name?", "Who am I?", "Do you remember my name?", "What's my name?"]), f"Your name is {name}."),
        (r.choice([f"I live in {city}.", f"I am from {city}", f"My city is {city}"]), f"{city} is a nice place.",
         r.choice(["Where do I live?", "Which city do I live in?", "Where am I from?"]), f"You live in {city}."),
        (r.choice([f"My favourite colour is {colour}.", f"I like the colour {colour}"]), f"{cap(colour)} is a beautiful colour.",
         r.choice(["What is my favourite colour?", "Which colour do I like?"]), f"Your favourite colour is {colour}."),
        (r.choice([f"I like {hobby}.", f"My hobby is {hobby}", f"I love {hobby}"]), f"{cap(hobby)} is fun.",
         r.choice(["What is my hobby?", "What do I like?", "What do I like to do?"]), f"You like {hobby}."),
        (r.choice([f"I am {art(job)}.", f"I work as {art(job)}"]), f"Being {art(job)} is a good job.", r.choice(["What is my job?", "What do I do for work?"]), f"Your job is {job}."),
    ]


def memory(r, between=()):
    """Statements, perhaps other talk in `between`, then questions about the statements."""
    if r.random() < .07:
        return [(r.choice(["What is my name?", "Who am I?", "Where do I live?", "What is my favourite colour?"]), "I do not know that yet. Please tell me.")]
    told = r.sample(stated(r), r.randint(1, 3))
    turns = [(u, a) for u, a, _, _ in told] + list(between)
    return turns + [(q, a) for _, _, q, a in r.sample(told, r.randint(1, len(told)))]


def about_the_chat(r, question, answer):
    """A follow-up that asks for what was said last."""
    if r.random() < .6:
        return r.choice(["Repeat that.", "Can you say that again?", "Say that again, please.", "Once more, please."]), answer
    return r.choice(["What did I just ask?", "What was my last question?", "What did I say last?"]), f"You said: \"{question}\""
