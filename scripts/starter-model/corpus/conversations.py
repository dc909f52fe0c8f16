"""Puts the skills together: how often each comes, system prompts, several turns."""
from corpus.blog_posts import blog_post
from corpus.coding import brief, code_unknown, how_to, snippet
from corpus.copying import repeat, spelling
from corpus.explaining import benefits, explain
from corpus.knowledge import acronym, advice, capital, category, colour, definition, emoji, mix, sentiment, translate, words
from corpus.memory import about_the_chat, memory
from corpus.numbers import arithmetic, calendar, compare, counting, units, word_problem
from corpus.small_talk import NAME, greet, identity, small_talk, unknown
from corpus.structured import as_json, json_mode
from corpus.tools import two_calls, with_tools
from corpus.word_lists import NAMES
from corpus.wording import art, cap, paragraph, pseudo, vary
from corpus.writing import essay, fun, one_sentence_story, poem, story, story_about

# skill: how often it is drawn for a turn
SKILLS = {
    greet: 3, small_talk: 5, identity: 8, arithmetic: 18, word_problem: 3, compare: 3, capital: 7, colour: 3, mix: .6, definition: 12, acronym: 1.2, counting: 3, calendar: 2.2,
    repeat: 10, spelling: 8, words: 4, category: 4, translate: 4, emoji: 1.5, fun: 3, advice: 2, essay: .9, snippet: 1, story: 3, one_sentence_story: .8, as_json: 3, sentiment: 1, units: 1.5, unknown: 9,
    memory: 4, explain: 5, benefits: 3.5, poem: 3, story_about: 1.6, blog_post: 1.8, how_to: 4.5, code_unknown: 2, brief: 2.2,
}
LONG = (memory, story, essay, counting, explain, benefits, poem, story_about, blog_post, how_to, brief)
SHORT = [f for f in SKILLS if f not in LONG]
DRILLS = [arithmetic] * 5 + [spelling] * 3 + [repeat] * 2 + [capital, definition, words, translate, compare, word_problem]
VERBATIM = {repeat, spelling, unknown, memory, as_json, emoji, translate, blog_post, how_to, code_unknown, brief}      # these vary their questions themselves, or must not

KINDS = "helpful friendly kind patient polite cheerful smart useful professional knowledgeable".split()
FIELDS = "AI coding programming writing travel cooking science teaching school office energy Python technical".split()
ROLES = ["assistant", "assistant", "assistant", "helper", "chat bot", "tutor", "expert"]
MORE = ["Answer briefly.", "Be concise.", "Answer in English.", "Be kind.", "Keep your answers short.", "Help the user.", "Explain things simply.", "Always be polite."]
OTHER_SYSTEMS = [f"You are {NAME}, a very small language model.", f"You are {NAME}, the starter model of the mesh.", "Answer briefly.", "Be kind and helpful.", "Answer the questions of the user.", "Be concise.",
                 "You are a helpful assistant running on the mesh.", "You help with code.", "You answer questions about science.", "You write blog posts, articles and texts."]


def system_text(r):
    k = r.random()
    if k < .3:
        return r.choice(["You are a helpful assistant.", "You are an assistant. Answer in English.", "You are a friendly chat bot."])
    if k < .5:
        return r.choice(OTHER_SYSTEMS)
    persona = " ".join(w for w in (r.choice(KINDS + [""]), r.choice(FIELDS + [""] * len(FIELDS)), r.choice(ROLES)) if w)
    return f"You are {art(persona)}." + (" " + r.choice(MORE) if r.random() < .35 else "")


def turns(r, skill=None):
    skill = skill or r.choices(list(SKILLS), SKILLS.values())[0]
    if skill is memory and r.random() < .4:
        return memory(r, turns(r, r.choice(SHORT)))
    made = skill(r)
    if skill not in VERBATIM:
        return [(vary(r, u), a) for u, a in made]
    if skill in (unknown, translate) and r.random() < .3:
        return [(u.lower(), a) for u, a in made]
    return made


def renamed(r):
    """A system prompt that gives the assistant another name."""
    name = r.choice(NAMES + [cap(pseudo(r))] * 20)
    messages = [{"role": "system", "content": r.choice([f"Your name is {name}.", f"You are {name}.", f"You are {name}, a helpful assistant.", f"You are called {name}."])},
                {"role": "user", "content": r.choice(["What is your name?", "What's your name?", "Who are you?", "Do you have a name?"])},
                {"role": "assistant", "content": f"My name is {name}."}]
    for _ in range(r.randint(0, 2)):
        messages += as_messages(turns(r, r.choice([greet, small_talk, capital, colour, definition, arithmetic])))
    return {"messages": messages, "tools": None}


def as_messages(pairs):
    return [m for u, a in pairs for m in ({"role": "user", "content": u}, {"role": "assistant", "content": a})]


def talk(r):
    """Several turns of any skills, perhaps below a system prompt."""
    messages = []
    if r.random() < .38:
        system = system_text(r)
        if r.random() < .07:                          # a long system prompt that has nothing to say
            system += " " + paragraph(r, 2, r.choice([8, 22, 50]))
        messages.append({"role": "system", "content": system})
    n = r.choices([1, 2, 3, 4, 6, 12], [58, 20, 10, 6, 4, 2])[0]
    for turn in range(n):
        if turn > 1 and r.random() < .02:             # an instruction in the middle of a chat
            messages.append({"role": "system", "content": system_text(r)})
        made = turns(r)
        messages += as_messages(made)
        if r.random() < .03 and len(made[-1][1]) < 240:
            messages += as_messages([about_the_chat(r, *made[-1])])
    return {"messages": messages, "tools": None}


def drill(r):
    """Many short turns of one skill: cheap practice."""
    skill = r.choice(DRILLS)
    return {"messages": [m for _ in range(r.randint(4, 12)) for m in as_messages(turns(r, skill))], "tools": None}


def conversation(r):
    k = r.random()
    if k < .12:
        return with_tools(r)
    if k < .13:
        return two_calls(r)
    if k < .23:
        return json_mode(r)
    if k < .25:
        return renamed(r)
    if k < .38:
        return drill(r)
    return talk(r)
