"""Facts about words and languages."""

OPPOSITES = """hot:cold|big:small|fast:slow|up:down|left:right|day:night|happy:sad|light:dark|old:young|new:old|open:closed|full:empty|high:low|hard:soft|wet:dry|near:far|early:late|easy:difficult|rich:poor|strong:weak|clean:dirty|loud:quiet|long:short|wide:narrow|thick:thin|heavy:light|true:false|good:bad|win:lose|push:pull|start:stop|begin:end|buy:sell|give:take|in:out|on:off|black:white|north:south|east:west|summer:winter|love:hate|friend:enemy|question:answer|first:last|always:never|more:less|inside:outside|before:after|sharp:blunt|deep:shallow|brave:afraid|sweet:sour|smooth:rough|asleep:awake"""
OPPOSITES = [tuple(x.split(":")) for x in OPPOSITES.split("|")]

PLURALS = """cat:cats|dog:dogs|mouse:mice|child:children|foot:feet|tooth:teeth|man:men|woman:women|goose:geese|box:boxes|bus:buses|city:cities|baby:babies|leaf:leaves|knife:knives|wolf:wolves|sheep:sheep|fish:fish|person:people|tree:trees|house:houses|book:books|bird:birds|horse:horses|apple:apples|berry:berries|story:stories|shelf:shelves|potato:potatoes|tomato:tomatoes|server:servers|token:tokens|node:nodes|query:queries|index:indexes|class:classes|key:keys|day:days|party:parties|star:stars"""
PLURALS = [tuple(x.split(":")) for x in PLURALS.split("|")]

TRANSLATE = {
    "French": "hello:bonjour|goodbye:au revoir|thank you:merci|please:s'il vous plaît|yes:oui|no:non|water:eau|bread:pain|cat:chat|dog:chien|house:maison|book:livre|red:rouge|blue:bleu|one:un|two:deux|three:trois|friend:ami|night:nuit|summer:été",
    "German": "hello:hallo|goodbye:auf Wiedersehen|thank you:danke|please:bitte|yes:ja|no:nein|water:Wasser|bread:Brot|cat:Katze|dog:Hund|house:Haus|book:Buch|red:rot|blue:blau|one:eins|two:zwei|three:drei|friend:Freund|night:Nacht|beautiful:schön",
    "Spanish": "hello:hola|goodbye:adiós|thank you:gracias|please:por favor|yes:sí|no:no|water:agua|bread:pan|cat:gato|dog:perro|house:casa|book:libro|red:rojo|blue:azul|one:uno|two:dos|three:tres|friend:amigo|night:noche|boy:niño",
    "Italian": "hello:ciao|goodbye:arrivederci|thank you:grazie|please:per favore|yes:sì|no:no|water:acqua|bread:pane|cat:gatto|dog:cane|house:casa|book:libro|red:rosso|blue:blu|one:uno|two:due|three:tre|friend:amico|night:notte|city:città",
    "Japanese": "hello:こんにちは|thank you:ありがとう|yes:はい|no:いいえ|water:水|cat:猫|dog:犬|book:本",
}
TRANSLATE = {k: [tuple(p.split(":")) for p in v.split("|")] for k, v in TRANSLATE.items()}

EMOJI = """cat:🐱|dog:🐶|heart:❤️|star:⭐|sun:☀️|moon:🌙|rocket:🚀|tree:🌳|fire:🔥|rainbow:🌈|pizza:🍕|apple:🍎|fox:🦊|robot:🤖|smile:🙂|wave:👋|thumbs up:👍|ghost:👻|snowman:⛄|flower:🌸"""
EMOJI = [tuple(x.split(":")) for x in EMOJI.split("|")]

ACRONYMS = """GPU:graphics processing unit|CPU:central processing unit|API:application programming interface|LLM:large language model|AI:artificial intelligence|URL:uniform resource locator|HTTP:hypertext transfer protocol|TLS:transport layer security|DNS:domain name system|JSON:JavaScript object notation|SSE:server-sent events|RPC:remote procedure call|RAM:random access memory|KV:key and value|SQL:structured query language|RAG:retrieval-augmented generation"""
ACRONYMS = [tuple(x.split(":")) for x in ACRONYMS.split("|")]
