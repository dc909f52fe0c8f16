"""Facts about the world, one table per question."""

CAPITALS = """France:Paris|Germany:Berlin|Italy:Rome|Spain:Madrid|Portugal:Lisbon|Ireland:Dublin|England:London|Scotland:Edinburgh|Wales:Cardiff|Belgium:Brussels|the Netherlands:Amsterdam|Luxembourg:Luxembourg City|Switzerland:Bern|Austria:Vienna|Poland:Warsaw|Hungary:Budapest|Czechia:Prague|Slovakia:Bratislava|Slovenia:Ljubljana|Croatia:Zagreb|Serbia:Belgrade|Greece:Athens|Bulgaria:Sofia|Romania:Bucharest|Albania:Tirana|Denmark:Copenhagen|Norway:Oslo|Sweden:Stockholm|Finland:Helsinki|Iceland:Reykjavik|Estonia:Tallinn|Latvia:Riga|Lithuania:Vilnius|Ukraine:Kyiv|Russia:Moscow|Turkey:Ankara|Egypt:Cairo|Morocco:Rabat|Algeria:Algiers|Tunisia:Tunis|Libya:Tripoli|Nigeria:Abuja|Ghana:Accra|Senegal:Dakar|Mali:Bamako|Kenya:Nairobi|Uganda:Kampala|Ethiopia:Addis Ababa|Tanzania:Dodoma|Angola:Luanda|Zambia:Lusaka|Zimbabwe:Harare|Namibia:Windhoek|Sudan:Khartoum|Somalia:Mogadishu|Rwanda:Kigali|Canada:Ottawa|the United States:Washington|Mexico:Mexico City|Cuba:Havana|Jamaica:Kingston|Haiti:Port-au-Prince|Guatemala:Guatemala City|Honduras:Tegucigalpa|Costa Rica:San Jose|Panama:Panama City|Colombia:Bogota|Venezuela:Caracas|Ecuador:Quito|Peru:Lima|Bolivia:Sucre|Chile:Santiago|Argentina:Buenos Aires|Uruguay:Montevideo|Paraguay:Asuncion|Brazil:Brasilia|China:Beijing|Japan:Tokyo|South Korea:Seoul|North Korea:Pyongyang|Mongolia:Ulaanbaatar|India:New Delhi|Pakistan:Islamabad|Bangladesh:Dhaka|Nepal:Kathmandu|Sri Lanka:Colombo|Thailand:Bangkok|Vietnam:Hanoi|Cambodia:Phnom Penh|Laos:Vientiane|Malaysia:Kuala Lumpur|Singapore:Singapore|Indonesia:Jakarta|the Philippines:Manila|Australia:Canberra|New Zealand:Wellington|Fiji:Suva|Iran:Tehran|Iraq:Baghdad|Syria:Damascus|Lebanon:Beirut|Jordan:Amman|Israel:Jerusalem|Saudi Arabia:Riyadh|Yemen:Sanaa|Oman:Muscat|Qatar:Doha|Kuwait:Kuwait City|Afghanistan:Kabul|Kazakhstan:Astana|Armenia:Yerevan|Georgia:Tbilisi"""
CAPITALS = [tuple(x.split(":")) for x in CAPITALS.split("|")]

COLOURS = """the sky:blue|grass:green|snow:white|coal:black|a banana:yellow|a tomato:red|a strawberry:red|a lemon:yellow|an orange:orange|a carrot:orange|a cucumber:green|a frog:green|an elephant:grey|a polar bear:white|a crow:black|a flamingo:pink|the sun:yellow|the sea:blue|chocolate:brown|milk:white|coffee:brown|a pea:green|a cherry:red|a plum:purple|lavender:purple|a lion:golden|a fox:orange|a mouse:grey|a pumpkin:orange|blood:red|gold:yellow|silver:grey|a swan:white|a leaf:green|the night sky:black|a lime:green|a fire engine:red|sand:golden|salt:white|a cloud:white|a tree trunk:brown|an emerald:green|a ruby:red|a sapphire:blue|rice:white|butter:yellow|a raven:black|a pig:pink|wood:brown|a rose:red"""
COLOURS = [tuple(x.split(":")) for x in COLOURS.split("|")]

ANIMALS = """dog:barks:puppy:four:mammal|cat:meows:kitten:four:mammal|cow:moos:calf:four:mammal|sheep:bleats:lamb:four:mammal|horse:neighs:foal:four:mammal|pig:oinks:piglet:four:mammal|duck:quacks:duckling:two:bird|hen:clucks:chick:two:bird|owl:hoots:owlet:two:bird|lion:roars:cub:four:mammal|wolf:howls:pup:four:mammal|frog:croaks:tadpole:four:amphibian|bee:buzzes:larva:six:insect|snake:hisses:snakelet:no:reptile|mouse:squeaks:pinkie:four:mammal|goat:bleats:kid:four:mammal|donkey:brays:foal:four:mammal|elephant:trumpets:calf:four:mammal|bear:growls:cub:four:mammal|goose:honks:gosling:two:bird|turkey:gobbles:poult:two:bird|crow:caws:chick:two:bird|monkey:chatters:infant:two:mammal|whale:sings:calf:no:mammal|spider:makes no sound:spiderling:eight:arachnid|ant:makes almost no sound:larva:six:insect|fox:yelps:kit:four:mammal|deer:bellows:fawn:four:mammal|rabbit:squeaks softly:kit:four:mammal|tiger:roars:cub:four:mammal"""
ANIMALS = [tuple(x.split(":")) for x in ANIMALS.split("|")]

CATEGORIES = {
    "fruit": "apple banana cherry grape lemon mango melon orange peach pear plum strawberry".split(),
    "vegetable": "carrot potato onion cabbage spinach pea bean turnip leek broccoli".split(),
    "animal": "dog cat horse cow lion tiger rabbit bear fox wolf deer mouse".split(),
    "bird": "robin crow owl eagle sparrow swan duck pigeon parrot penguin".split(),
    "colour": "red blue green yellow orange purple pink brown black white grey".split(),
    "tool": "hammer saw drill spanner chisel screwdriver axe".split(),
    "vehicle": "car bus train bicycle boat plane truck tram".split(),
    "instrument": "piano violin guitar drum flute trumpet cello harp".split(),
    "drink": "water tea coffee milk juice lemonade".split(),
    "planet": "Mercury Venus Earth Mars Jupiter Saturn Uranus Neptune".split(),
    "metal": "iron gold silver copper tin zinc lead".split(),
    "shape": "circle square triangle rectangle oval hexagon".split(),
    "season": "spring summer autumn winter".split(),
    "sport": "football tennis cricket hockey rugby golf swimming".split(),
    "programming language": "Python TypeScript JavaScript Rust Go Java C Ruby".split(),
    "database": "Postgres Redis SQLite MySQL Cassandra".split(),
}

PLURAL_CAT = {"fruit": "fruits", "vegetable": "vegetables", "animal": "animals", "bird": "birds", "colour": "colours",
              "tool": "tools", "vehicle": "vehicles", "instrument": "instruments", "drink": "drinks", "planet": "planets",
              "metal": "metals", "shape": "shapes", "season": "seasons", "sport": "sports",
              "programming language": "programming languages", "database": "databases"}

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()

MONTHS = "January February March April May June July August September October November December".split()
