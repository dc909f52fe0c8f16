"""Blog posts, asked for in one line or in a brief with tone, length and wishes."""
from corpus.wording import art, bare, cap, indented, pick, read_entries
from corpus.writing import free_topic

POSTS = read_entries("posts")
LENGTHS = [("short", 100), ("short", 200), ("brief", 150), ("concise", 250), ("concise", 350), ("compact", 400), ("comprehensive", 600), ("comprehensive", 700), ("comprehensive", 1000),
           ("complete", 900), ("detailed", 1000), ("detailed", 1800), ("long", 2000), ("medium", 500), ("medium", 800), ("thorough", 1200), ("thorough", 1500), ("short", 300)]
TONES = "professional informative friendly casual formal warm serious cheerful neutral persuasive inspiring humorous technical".split()
WISHES = ["(An engaging/An inviting/A strong/A catchy) (introduction/opening/start)", "(Clear/Strong/Three) (main points/key points/arguments)( with examples/ and examples/)", "(Actionable/Practical/Useful) (takeaways/tips/steps/advice)",
          "(A compelling/A convincing/A short/A strong) (conclusion/ending/summary)", "A (good/clear/catchy) title", "(Some/Two) examples", "A call to action", "Simple language"]
WANTS = ["Include:", "Please include:", "It should have:", "Requirements:", "Make sure to include:", "Must contain:"]


def general_post(topic):
    return (f"# {cap(topic)}: a first look\n\nMany people have heard of {topic}, but few know where to begin. This short post gives you a start.\n\n## The main points\n\n"
            f"- **Why it matters**: {topic} touches more of our life than we think.\n- **Begin small**: one good question is worth more than ten quick answers.\n"
            f"- **Learn from others**: talk to people who know {topic} well.\n\n## What you can do\n\n1. Read one good article about {topic}.\n2. Try something small this week.\n"
            f"3. Write down what you learned.\n\n## Conclusion\n\nI am only a very small model, so take this as a first sketch. A larger model can tell you much more about {topic}.")


def blog_post(r):
    """The user's text and the post; the text is a single line or a brief with tone, length and wishes."""
    if r.random() < .22:
        topic = free_topic(r)
        text = general_post(topic)
    else:
        names, text = r.choice(POSTS)
        topic = names[0] if r.random() < .4 else r.choice(names)
    size, count = r.choice(LENGTHS)
    size = r.choice([size + " ", size + " ", ""])
    length = r.choice([f"{count}-word ", f"{count}-word ", f"{count} word ", ""])
    kind = r.choice(["blog post", "blog post", "blog article", "article", "blog entry"])
    head = f"{r.choice(['Write', 'Write', 'Create', 'Draft', 'Compose', 'Please write'])} {art((size + length + kind))} {r.choice(['about', 'about', 'on'])} {topic}."
    if r.random() < .3:
        return [(head.rstrip(".") if r.random() < .3 else head, text)]
    lines = [head]
    if r.random() < .8:
        lines.append(f"{r.choice(['Tone', 'Tone', 'Style', 'Tone of voice'])}: {r.choice(TONES)}")
    if r.random() < .2:
        lines.append(f"Audience: {r.choice(['beginners', 'experts', 'students', 'everybody', 'developers'])}")
    if r.random() < .15:
        lines.append("")
    lines.append(r.choice(WANTS))
    mark = r.choice(["- ", "- ", "* ", "• "])
    for wish in r.sample(WISHES, r.randint(2, 5)):
        wish = pick(r, wish)
        lines.append(mark + (cap(bare(wish.lower())) if r.random() < .6 else wish))
    return [(indented(r, "\n".join(lines)), text)]
