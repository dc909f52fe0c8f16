"""Short texts, all written for this corpus."""

JOKES = [
    "Why did the token cross the network? To get to the other side of the stream.",
    "Why do programmers mix up winter and summer? Because they never see the sun anyway.",
    "What do you call a fish without eyes? A fsh.",
    "Why was the computer cold? It left its windows open.",
    "Why did the server go to bed? It had too many requests for one day.",
    "What did the zero say to the eight? Nice belt!",
    "Why was the math book sad? It had too many problems.",
    "How do trees get online? They log in.",
    "What is a robot's favourite snack? Computer chips.",
    "Why did the cache break up with the database? It needed some space.",
]

POEMS = [
    "The moon looks down, the wind is low,\nthe river sings a song we know.\nThe night is long, the stars are bright,\nsleep well, my friend, good night, good night.",
    "A little token, quick and small,\nran down the wire and through the wall.\nIt found a friend, and then one more,\nand soon they were a song of four.",
    "The rain came softly to the town\nand washed the dusty houses down.\nThe sun came after, warm and wide,\nand all the children ran outside.",
    "The sea is wide, the sea is blue,\nit brings a little boat to you.\nIt brings a shell, it brings a stone,\nso nobody must be alone.",
    "Spring has come with leaves of green,\nthe brightest fields you've ever seen.\nThe birds are singing in the tree,\nand every song is made for me.",
]

HAIKUS = [
    "Old quiet river,\na leaf falls on the water.\nThe moon floats with it.",
    "Snow on the mountain.\nA small fox looks back at me\nand then it is gone.",
    "One node goes silent.\nThe mesh finds another way.\nNobody noticed.",
    "Tokens, one by one,\nfall like rain into the stream.\nThe answer appears.",
]

FACTS = [
    "Octopuses have three hearts.", "Honey can stay good for a very long time.", "A day on Venus is longer than a year on Venus.",
    "Bananas are berries, but strawberries are not.", "Light from the sun needs about eight minutes to reach the Earth.",
    "Bees can see colours that people cannot see.", "The Pacific is the largest ocean.", "Penguins cannot fly, but they swim very well.",
    "The blue whale is the largest animal of all.", "Water expands when it freezes.", "An ant can carry many times its own weight.",
    "Bamboo is one of the fastest growing plants.",
]

ADVICE = {
    "sleep better": "Go to bed at the same time every day, keep the room dark and leave your phone outside.",
    "learn faster": "Practise a little every day, take short breaks and explain what you learned to a friend.",
    "learn to code": "Start with a small project, read simple programs and write a little code every day.",
    "stay healthy": "Eat fresh food, drink water, move every day and sleep enough.",
    "save money": "Write down what you spend, make a plan and put a little aside each month.",
    "make tea": "Boil water, pour it over the tea leaves, wait three minutes and enjoy.",
    "make coffee": "Grind the beans, pour hot water over them, wait four minutes and pour a cup.",
    "bake bread": "Mix flour, water, salt and yeast, let the dough rest, then bake it until it is golden.",
    "grow a plant": "Put a seed into good soil, give it water and light, and be patient.",
    "make a friend": "Be kind, listen well and spend time together.",
    "debug a program": "Read the error message, make the problem small, check one thing at a time and write a test.",
    "make a server faster": "Measure first, find the slowest part, cache what you can and send results as a stream.",
    "make an API reliable": "Use timeouts, retry with care, make calls idempotent and watch your metrics.",
    "calm down": "Sit down, breathe in slowly, breathe out slowly and count to ten.",
    "write a story": "Choose a hero, give the hero a wish, put something in the way and find a good ending.",
}

ESSAYS = {
    "the sea": "The sea is never still. In the morning it is grey and quiet, and small waves come to the beach one after another. At noon the sun stands high and the water is blue and bright. Children build castles of sand, and the waves take them away again. In the evening the wind grows stronger, and the boats come home. At night the sea is dark, but you can still hear it. It sings the same old song, and it will sing it tomorrow, too.",
    "streaming": "Streaming changes how a program feels. Without streaming, the user sends a question and waits, and for a long time nothing happens. With streaming, the first word appears at once, and the next words follow one by one. The total time is the same, but the waiting is gone. To make this work, every part of the system has to pass each piece on as soon as it arrives. The model writes a token, the worker sends it, the router forwards it, and the client shows it. If one part holds the pieces back, the stream becomes a lump.",
    "a mesh of models": "A mesh of models is a group of nodes that work together. Each node runs a model and tells the others how busy it is. A router looks at every request and sends it to a node that has time. When a node fails, the router notices the missing heartbeat and moves the work to another node. The tokens that were already written are kept, and the new node continues where the old one stopped. The user sees one smooth answer and never learns that something went wrong.",
    "autumn": "In autumn the days grow short and the leaves turn yellow, red and brown. The mornings are cold, and a white mist lies over the fields. The birds gather and fly to the south. People bring in the apples and the pumpkins and light the first fire. The rain falls on the roof, and inside it is warm. It is a good time for tea, for books and for long talks with friends.",
    "computers": "A computer is a simple machine that is very fast. It can only do small things, such as adding two numbers or comparing them. But it can do billions of small things in one second, and it never gets tired. People write programs that put the small things together into large things. So a computer can draw a picture, play a song, find a way through a city or talk with a friend. The machine does not know what it does. The ideas come from the people who wrote the program.",
    "the forest": "The forest is full of life. High in the trees the birds build their nests, and below them the fox looks for food. Old leaves lie on the ground, and from them grow mushrooms and young trees. When it rains, the forest drinks, and when the sun comes back, it shines in a thousand greens. If you stand still for a while, you can hear the wind, the water and your own heart.",
}

CODE = {
    ("hello world", "Python"): 'print("Hello, world!")',
    ("hello world", "JavaScript"): 'console.log("Hello, world!");',
    ("hello world", "TypeScript"): 'const text: string = "Hello, world!";\nconsole.log(text);',
    ("hello world", "Go"): 'package main\n\nimport "fmt"\n\nfunc main() {\n    fmt.Println("Hello, world!")\n}',
    ("a loop", "Python"): "for i in range(10):\n    print(i)",
    ("a loop", "JavaScript"): "for (let i = 0; i < 10; i++) {\n  console.log(i);\n}",
    ("a loop", "TypeScript"): "for (let i: number = 0; i < 10; i++) {\n  console.log(i);\n}",
    ("a function that adds two numbers", "Python"): "def add(a, b):\n    return a + b",
    ("a function that adds two numbers", "JavaScript"): "function add(a, b) {\n  return a + b;\n}",
    ("a function that adds two numbers", "TypeScript"): "function add(a: number, b: number): number {\n  return a + b;\n}",
}

# What the model is asked in training in order to learn that it does not know.
UNKNOWN_PEOPLE = """Napoleon|Shakespeare|Mozart|Cleopatra|Julius Caesar|Marie Curie|Isaac Newton|Leonardo da Vinci|Galileo|Abraham Lincoln|Gandhi|Beethoven|Picasso|Aristotle|Plato|Socrates|Charles Darwin|Nikola Tesla|Thomas Edison|Columbus|Marco Polo|Confucius|Van Gogh|Jane Austen|Goethe|Dante|Homer|Kafka|Tolstoy|Nelson Mandela|Queen Victoria|Alexander the Great|Genghis Khan|Alan Turing|Ada Lovelace|Grace Hopper|Linus Torvalds|Stephen Hawking|Bob Dylan|Pele""".split("|")
UNKNOWN_FIELDS = """philosophy|economics|biochemistry|string theory|thermodynamics|linear algebra|calculus|topology|organic chemistry|quantum physics|quantum mechanics|psychology|sociology|game theory|Roman law|the French Revolution|the Cold War|the Middle Ages|the First World War|the Renaissance|number theory|statistics|nuclear fusion|dark matter|geology|medicine|the stock market|tax law|grammar|opera|jazz|ballet|Buddhism|the Roman Empire|the history of Europe|cell biology|general relativity|category theory""".split("|")
UNKNOWN_THINGS = """lasagne|sushi|goulash|pancakes|a pizza|curry|ramen|cheesecake|a wedding dress|a violin|a guitar|a kite|wine|beer|cheese|soap|a paper plane|paella|a clock|a sandcastle|a bookshelf|chocolate|a rocket engine|a bridge|a birthday cake|tiramisu|hummus|kimchi""".split("|")
UNKNOWN_QUESTIONS = """Who won the last world cup?|What is the tallest building in the world?|How many people live on the Earth?|Why do cats purr?|How deep is the sea?|What should I wear today?|Which car should I buy?|What is the best film of all time?|How do I invest my money?|What are the symptoms of the flu?|Is it safe to eat raw eggs?|How do I cure a headache?|Who discovered America?|When did the war end?|What is the fastest car?|How do I win at poker?|What is the speed of sound?|How many bones are in the body?|What does my name mean?|Who is the richest person in the world?|Why is the economy bad?|How do I tie a tie?|How do I change a tyre?|How far away is the moon?|What is the largest country?|How long is the Nile?|When was the telephone invented?|What is the highest mountain?|Which team is the best?|How do I train a neural network on my own data?|Who will be the next president?|Which phone is the best?|What happened yesterday?|What is my IP address?|Read my mail|Open the door|Call my mother|Order a pizza|What is on television tonight?|Translate this book|Compare Rust and Haskell|Write a thesis about law|Solve this integral|What is the derivative of x squared?|What is the square root of two?|Tell me the lottery numbers|Should I quit my job?|What is love?|Why are we here?|What is consciousness?|Is there a god?|How do I lose weight?|How do I repair my washing machine?|What is the exchange rate of the euro?|What is the price of gold?|Who sings this song?|What is the plot of Hamlet?|Who painted the Mona Lisa?|How do I get to the station?|Is it going to rain tomorrow?""".split("|")
