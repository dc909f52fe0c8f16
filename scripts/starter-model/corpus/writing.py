"""Jokes, poems, stories and essays."""
from corpus.short_texts import ESSAYS, FACTS, HAIKUS, JOKES, POEMS
from corpus.word_lists import ADJ, HOBBIES, NAMES, NOUN
from corpus.wording import art, bare, cap, pick, pseudo, read_entries

POEMS_ABOUT = read_entries("poems")
STORIES_ABOUT = read_entries("stories")


def free_topic(r):
    """A topic for which there is no text of its own."""
    return r.choice([art(r.choice(ADJ)) + " " + r.choice(NOUN), f"the {r.choice(ADJ)} {r.choice(NOUN)}", f"my {r.choice(NOUN)}", r.choice(HOBBIES), pseudo(r),
                     r.choice(NAMES), f"{r.choice(ADJ)} {r.choice(NOUN)}s", "cheese", "school", "my mother", "coffee", "pizza", "football", "the city", "mathematics", "dreams", "work"])


def fun(r):
    k = r.random()
    if k < .35:
        return [(r.choice(["Tell me a joke", "Make me laugh", "Do you know a joke?", "Another joke", "Tell me something funny", "joke", "Tell me a short joke", "Do you know a good joke?"]), r.choice(JOKES))]
    if k < .52:
        return [(r.choice(["Write a poem.", "Tell me a poem", "Write me a short poem", "Can you write a poem?", "Another poem"]), r.choice(POEMS))]
    if k < .67:
        return [(r.choice(["Write a haiku.", "Tell me a haiku", "Write me a haiku"]), r.choice(HAIKUS))]
    if k < .82:
        return [(r.choice(["Tell me a fact", "Tell me something interesting.", "Do you know a fun fact?", "Surprise me", "Tell me something new", "Tell me a fun fact", "Give me a random fact"]), r.choice(FACTS))]
    if k < .91:
        return [(r.choice(["Flip a coin", "Toss a coin."]), r.choice(["Heads!", "Tails!"]))]
    return [(r.choice(["Roll a die", "Roll the dice"]), f"You rolled a {r.randint(1, 6)}.")]


ABOUT_POEM = ["(Write/Compose/Create/Make) (me /)a (short /little /small /beautiful )poem (about/on) {t}.", "(Write/Compose/Make) (me /us )a (short /little /)poem about {t}.",
              "(Can/Could) you write a (short /)poem about {t}?", "A poem (about/on) {t}(, please/)", "I (want/would like) a (poem/verse/short poem) about {t}.",
              "(Write/Give me) (some verses/a few rhymes) about {t}.", "Tell me a poem about {t}.", "Poem about {t}"]


def poem(r):
    if r.random() < .22:
        topic = free_topic(r)
        text = (f"I wrote a little song today\nabout {topic}, to make you stay.\nIt has no gold, it has no crown,\nbut nothing ever keeps it down.\n\n"
                f"And when the day has lost its light,\nI think of {topic} at night.\nSo small a thing, so plain, so true:\nI made this little song for you.")
    else:
        names, text = r.choice(POEMS_ABOUT)
        topic = names[0] if r.random() < .6 else r.choice(names)
    return [(pick(r, r.choice(ABOUT_POEM)).replace("{t}", topic), text)]


ABOUT_STORY = ["(Write/Tell/Compose/Create/Make) (me /us )a (short /brief /little /small )(story/tale) (about/on) {t}.", "(Write/Compose/Create) a (brief /little /)(story/tale) about {t}.",
               "(Can/Could) you (write/tell me) a (short /)story about {t}?", "A (short /)story (about/on) {t}(, please/)", "I (want/would like) (to read /)a (short /)story about {t}.", "Short story about {t}"]


def story_about(r):
    if r.random() < .2:
        topic, name = free_topic(r), r.choice(NAMES)
        text = (f"Nobody in the village believed in {topic}. Only {name} did. Every evening {name} sat at the window and waited.\n\n"
                f"One night there was a knock on the door. \"I heard that you think of {topic},\" said an old woman, and she gave {name} a small lamp. "
                f"{name} followed its light over the hill.\n\nWhen the sun rose, {name} had found what nobody else could see. From then on the whole village told the story of {topic}.")
    else:
        names, text = r.choice(STORIES_ABOUT)
        topic = names[0] if r.random() < .5 else r.choice(names)
    return [(pick(r, r.choice(ABOUT_STORY)).replace("{t}", topic), text)]


PLACES = ["in a deep forest", "by the sea", "on a high mountain", "in a small village", "in an old castle", "near a wide river", "in a busy city", "on a green island"]
HEROES = ["fox", "cat", "dog", "robot", "dragon", "bird", "king", "queen", "mouse", "bear", "rabbit", "girl", "boy", "wizard", "server", "star", "unicorn", "knight", "pirate", "whale", "owl", "turtle"]
THINGS = ["golden key", "red balloon", "little boat", "silver bell", "magic book", "warm coat", "shiny stone", "blue lamp", "tiny drum", "old map"]
TROUBLES = ["a great storm came", "the lights went out", "a deep river blocked the way", "the bridge was broken", "a thick fog covered the land", "the winter was very cold"]
FIXES = ["asked a wise owl for help", "built a small raft", "lit a bright fire", "called all the friends", "waited until the morning", "found a secret path"]
ENDS = ["From that day on they were the best of friends.", "And everybody in the land was happy again.", "That night the stars shone brighter than ever.", "And if you listen, you can still hear the song."]


def one_sentence_story(r):
    hero, friend = r.choice(HEROES), r.choice(HEROES)
    u = pick(r, "(Write/Tell me/Give me) (a one-sentence/a one sentence/a very short) (bedtime /)(story/tale) about {h}(./, please/)").replace("{h}", art(hero))
    return [(u, f"Once upon a time {art(hero)} found {art(r.choice(THINGS))} {r.choice(PLACES)}, gave it to {art(friend)}, and from that day on they were friends.")]


def story(r):
    """A fairy tale from parts, with questions about it."""
    hero, k = r.choice(HEROES), r.random()
    name, adjective, place, thing, friend = r.choice(NAMES), r.choice(ADJ), r.choice(PLACES), r.choice(THINGS), r.choice(HEROES)
    u = r.choice([f"Tell me a story about {art(hero)}.", f"Write a story about {art(hero)}", f"Tell me a short story about {art(hero)}", f"A story about {art(hero)}, please", f"Tell a story about {art(hero)}"])
    if k < .25:
        u = r.choice([f"Tell me a story about {art(hero)} called {name}.", f"Write a story about {art(hero)} named {name}"])
    elif k > .75:
        u = r.choice(["Tell me a story.", "Write a story", "Tell me a bedtime story.", "Can you tell me a story?", "Another story"])
    text = (f"Once upon a time there was {art(adjective)} {hero} named {name} who lived {place}. One day {name} found {art(thing)} and wanted to show it to {art(friend)}. "
            f"But then {r.choice(TROUBLES)}. {name} did not give up and {r.choice(FIXES)}. ")
    if r.random() < .5:
        text += f"At last {name} met the {friend} and gave away the {thing.split()[-1]}. "
    else:
        text += f"The {friend} saw the {thing.split()[-1]}, laughed and said: \"Thank you, {name}!\" "
    turns = [(u, text + r.choice(ENDS))]
    if r.random() < .3:
        turns.append(r.choice([(f"What was the name of the {hero}?", f"The {hero} was named {name}."), (f"Where did {name} live?", f"{name} lived {place}."),
                               (f"What did {name} find?", f"{name} found {art(thing)}.")]))
    return turns


def essay(r):
    topic, text = r.choice(list(ESSAYS.items()))
    return [(r.choice([f"Write about {topic}.", f"Write a text about {topic}", f"Write a long text about {topic}.", f"Write an essay about {topic}", f"Tell me a lot about {topic}", f"Write a paragraph about {topic}."]), text)]
