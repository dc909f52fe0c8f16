"""Sums, comparisons, counting, the calendar and units."""
from corpus.facts_world import DAYS, MONTHS
from corpus.word_lists import NAMES

WORDS_FOR = {"+": "plus", "-": "minus", "*": "times", "/": "divided by"}
VALUE = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a // b}


def operands(r):
    """Mostly sums and differences up to 100, some products and quotients of the small tables."""
    k = r.random()
    if k < .42:
        high = r.choice([10, 20, 50, 100, 100])
        return r.randint(0, high), "+", r.randint(0, high)
    if k < .78:
        high = r.choice([10, 20, 50, 100, 100])
        a, b = sorted((r.randint(0, high), r.randint(0, high)), reverse=True)
        return a, "-", b
    if k < .93:
        return r.randint(0, 12), "*", r.randint(0, 12)
    divisor = r.randint(1, 12)
    return divisor * r.randint(0, 12), "/", divisor


def arithmetic(r):
    a, op, b = operands(r)
    answer = f"{a} {op} {b} = {VALUE[op](a, b)}."
    sign = r.choice([op, op, "x" if op == "*" else op])
    space = r.choice([" ", " ", ""])
    e = r.choice([f"{a}{space}{sign}{space}{b}", f"{a}{space}{sign}{space}{b}", f"{a} {WORDS_FOR[op]} {b}"])
    u = r.choice([f"What is {e}?", f"What is {e}?", f"How much is {e}?", f"Calculate {e}", f"{e}", f"{e} = ?", f"Compute {e}.", f"what's {e}",
                  f"Can you calculate {e}?", f"Solve {e}", f"What do you get for {e}?", f"And {e}?"])
    turns = [(u, answer)]
    if op in "+-" and r.random() < .15:                 # go on with the result
        first, n = VALUE[op](a, b), r.randint(1, 20)
        if first >= n and r.random() < .5:
            turns.append((r.choice([f"Now subtract {n}.", f"And minus {n}?", f"Take away {n}"]), f"{first} - {n} = {first - n}."))
        else:
            turns.append((r.choice([f"Now add {n}.", f"And plus {n}?", f"Add {n} to that"]), f"{first} + {n} = {first + n}."))
    return turns


def word_problem(r):
    """Small stories with a sum inside."""
    n, thing = r.choice(NAMES), r.choice("apples books coins eggs stones flowers pens balls cards cups".split())
    a, b = r.randint(2, 50), r.randint(1, 50)
    if r.random() < .5:
        u = r.choice([f"{n} has {a} {thing} and gets {b} more. How many {thing} does {n} have?", f"{n} has {a} {thing}. {n} buys {b} more. How many are there now?"])
        return [(u, f"{a} + {b} = {a + b}. {n} has {a + b} {thing}.")]
    a, b = max(a, b) + 1, min(a, b)
    u = r.choice([f"{n} has {a} {thing} and gives away {b}. How many {thing} are left?", f"{n} has {a} {thing} and loses {b}. How many does {n} still have?"])
    return [(u, f"{a} - {b} = {a - b}. {n} has {a - b} {thing}.")]


def compare(r):
    a, b = r.sample(range(0, 100), 2)
    if r.random() < .5:
        return [(f"Which is {r.choice(['bigger', 'larger', 'greater'])}, {a} or {b}?", f"{max(a, b)} is bigger than {min(a, b)}.")]
    if r.random() < .5:
        return [(f"Which is smaller, {a} or {b}?", f"{min(a, b)} is smaller than {max(a, b)}.")]
    n, asked = r.randint(0, 100), r.choice(["even", "odd"])
    real = "even" if n % 2 == 0 else "odd"
    return [(f"Is {n} {asked}?", f"{'Yes' if real == asked else 'No'}, {n} is {real}.")]


def _numbers(xs):
    return ", ".join(map(str, xs)) + "."


def counting(r):
    k = r.random()
    if k < .45:
        a = r.choice([1, 1, 1, r.randint(0, 50)])
        b = a + r.choice([r.randint(2, 12), r.randint(2, 30), r.choice([9, 19, 49, 99])])
        u = r.choice([f"Count from {a} to {b}.", f"Please count from {a} to {b}", f"Count {a} to {b}", f"Write the numbers from {a} to {b}.", f"List the numbers {a} to {b}"])
        if a == 1 and r.random() < .4:
            u = r.choice([f"Count to {b}.", f"Can you count to {b}?", f"count up to {b}"])
        return [(u, _numbers(range(a, b + 1)))]
    if k < .60:
        a = r.randint(3, 30)
        b = r.choice([0, 1, 1, max(0, a - r.randint(2, 12))])
        return [(r.choice([f"Count down from {a} to {b}.", f"Count backwards from {a} to {b}", f"Countdown from {a} to {b}"]), _numbers(range(a, b - 1, -1)))]
    if k < .72:
        n, parity = r.randint(3, 12), r.choice(["even", "odd"])
        return [(f"List the first {n} {parity} numbers.", _numbers(2 * i + (2 if parity == "even" else 1) for i in range(n)))]
    if k < .84:
        s, n = r.randint(2, 12), r.randint(4, 10)
        return [(r.choice([f"Count in {s}s up to {s * n}.", f"List the multiples of {s} up to {s * n}."]), _numbers(s * i for i in range(1, n + 1)))]
    if k < .90:
        return [(r.choice(["Say the alphabet.", "Recite the alphabet", "List the letters of the alphabet"]), ", ".join("abcdefghijklmnopqrstuvwxyz") + ".")]
    n = r.randint(0, 98)
    return [r.choice([(f"What number comes after {n}?", f"After {n} comes {n + 1}."), (f"What number comes before {n + 1}?", f"Before {n + 1} comes {n}.")])]


HOW_MANY = [
    ("How many days are in a week?", "A week has 7 days."), ("How many months are in a year?", "A year has 12 months."),
    ("How many hours are in a day?", "A day has 24 hours."), ("How many minutes are in an hour?", "An hour has 60 minutes."),
    ("How many seconds are in a minute?", "A minute has 60 seconds."), ("How many days are in a year?", "A year has 365 days, and a leap year has 366."),
    ("How many legs does a chair have?", "A chair has four legs."), ("How many sides does a triangle have?", "A triangle has three sides."),
    ("How many sides does a square have?", "A square has four sides."),
]


def calendar(r):
    names, kind, whole = r.choice([(DAYS, "day", "week"), (MONTHS, "month", "year")])
    i = r.randrange(len(names))
    k = r.random()
    if k < .4:
        following = names[(i + 1) % len(names)]
        turns = [(r.choice([f"What {kind} comes after {names[i]}?", f"Which {kind} follows {names[i]}?"]), f"After {names[i]} comes {following}.")]
        if r.random() < .25:
            turns.append((r.choice(["And after that?", "And then?", "What comes next?"]), f"After {following} comes {names[(i + 2) % len(names)]}."))
        return turns
    if k < .7:
        return [(f"What {kind} comes before {names[i]}?", f"Before {names[i]} comes {names[i - 1]}.")]
    if k < .85:
        return [r.choice(HOW_MANY)]
    return [(r.choice([f"List the {kind}s of the {whole}.", f"Name the {kind}s of the {whole}", f"What are the {kind}s of the {whole}?"]), ", ".join(names) + ".")]


UNITS = [("hours", "minutes", 60), ("minutes", "seconds", 60), ("days", "hours", 24), ("weeks", "days", 7), ("kilometres", "metres", 1000),
         ("metres", "centimetres", 100), ("kilograms", "grams", 1000), ("years", "months", 12)]


def units(r):
    n = r.randint(1, 20)
    a, b, factor = r.choice(UNITS)
    name, verb = (a[:-1], "is") if n == 1 else (a, "are")
    return [(r.choice([f"How many {b} are {n} {name}?", f"How many {b} are in {n} {name}?", f"Convert {n} {name} to {b}."]), f"{n} {name} {verb} {n * factor} {b}.")]
