"""Words and names from which sentences are made."""
from corpus.facts_world import CAPITALS, CATEGORIES

NAMES = "Anna Ben Clara David Ella Finn Grace Henry Iris Jack Kate Leo Mia Noah Olive Paul Quinn Rosa Sam Tom Uma Vera Will Xena Yara Zoe Adam Bella Carl Dora Emil Fay George Hana Ivan Julia Karl Lucy Max Nina Oscar Petra Ralph Sara Theo Ursula Victor Wendy Amir Priya Chen Yuki Omar Lena Marco Sofia".split()

CITIES = [c for _, c in CAPITALS] + "Hamburg Munich Milan Naples Lyon Barcelona Porto Glasgow Boston Chicago Seattle Toronto Sydney Osaka Mumbai Shanghai Dubai Istanbul".split()

HOBBIES = "swimming reading cooking painting running chess gardening music dancing cycling fishing sailing knitting hiking".split()

JOBS = "teacher doctor baker farmer nurse pilot writer painter singer builder gardener plumber cook programmer".split()

ADJ = "small big old young happy sad quiet loud bright dark green red blue golden silver brave clever gentle kind lazy quick slow warm cold soft strange lucky hungry sleepy tiny".split()

NOUN = "cat dog fox bird fish tree river mountain cloud stone house door window garden boat train book lamp chair table road bridge field forest star moon sun king queen robot dragon server packet token".split()

VERB = "sees likes finds wants helps follows hears watches loves meets calls carries knows paints builds opens".split()

WORDS = sorted(set(ADJ + NOUN + [w for c in CATEGORIES.values() for w in c if w.islower()] + HOBBIES + JOBS))

# term -> definition (first sentence answers "what is X", the rest adds detail)
# names of fields and parameters
KEYS = """item id name city user file order key path email product query text account country team book server price owner status size age address number balance score version level date title
weight height speed rating count color category brand model quantity total currency language author year month day hour street zip_code phone first_name last_name company job_title department
salary start end duration priority tags done active is_active in_stock description comment reason code type kind source target from_city to_city temperature unit room user_id order_id due_date""".split()
