"""What users say in the chats that turns.py makes, and the words by which it finds what a story is
about."""

# What follows a noun, in English of stories.
AFTER = """and was is in on to of with that who for at had has but as were said could would from
by it he she they so because or when did went came wanted looked saw began started can will near
under into again too then very are""".split()
NOUNS = set("""toy girl boy baby kite bear puppy kitten bunny bird pet light secret giant rabbit
fox friend boat""".split())
NO_NOUNS = set("""time lot way idea bit moment while rest day night morning evening name story
person place thing noise mess plan turn look hug kiss smile voice sound nap bath lesson hand hands
foot head home end word words one side top middle back walk group piece pieces pile kind pair
bunch minute hour year week problem job step try bite deal shame hurry bottom best part break
chance feeling question answer eyes mouth nose face hair body arm arms leg legs tail feet mom dad
mommy daddy mum mummy mama papa mother father sister brother parents family friends kids children
people world life help well sudden fastest rest work line corner edge sky ground floor air wall
door table chair couch seat window room and in up on about that with""".split())
NO_ADJECTIVES = set("""other next certain second third same few whole different long first last
more very most many good bit such own only best favorite and who was is that in on""".split())
PEOPLE = set("""girl boy man woman bear dog cat bird rabbit bunny mouse puppy kitten fox
frog""".split())
PLACES = set("""park beach zoo forest farm garden store kitchen woods market school playground
lake river sea jungle city yard backyard castle pond field mountain town village library
ocean""".split())
NO_NAMES = set("""I Mom Mommy Mum Mummy Mama Dad Daddy Papa Grandma Grandpa Granny Mr Mrs Ms Miss
Dr Monday Tuesday Wednesday Thursday Friday Saturday Sunday Christmas Halloween God Earth No Yes
Oh OK Hello Hi The You It He She They We What Why How Where When Who Can Do Don Let Please Thank
Look Wow One But And So If This That My Your Come Be Is Are Santa Mother Father Uncle Aunt
Easter""".split())

AT = set("park beach zoo store playground market school lake pond castle".split())
ON = set("farm field mountain".split())  # in all others

# {x}: whom, "a little girl named Lily"; {y}, {z}: things, "a red ball"; {v}, {w}: their nouns
# alone; {p}: "at the park".
REQUESTS = [
    "Tell me a story.", "Please tell me a story.", "Can you tell me a story?",
    "I am bored. Tell me a story.", "Tell me a bedtime story.", "I want to hear a story.",
    "Write a short story.",
    "Tell me a story about {x}.", "Write a story about {x}.", "Can you tell me a story about {x}?",
    "Please tell me a story about {x}.", "I want to hear a story about {x}.",
    "Could you write a short story about {x}?", "Make up a story about {x}.",
    "I would like a story about {x}.", "Do you know a story about {x}?", "Tell me about {x}.",
    "A story about {x}, please.", "Tell me a bedtime story about {x}.",
    "Can you write a little story about {x}?", "Let's hear a story about {x}.",
    "Can you tell me a story with {y} in it?", "Tell me a story that has {y} in it.",
    "Write a story with {y} in it.", "I would like a story with {y}.",
    "Do you know a story with {y} in it?", "Please tell me a story about {y}.",
    "Tell me a story about {y}.", "Can you make up a story about {y}?",
    "Tell me a story about {x} and {y}.", "Write a story about {x} and {y}.",
    "Can you tell me a story about {x} and {y}?",
    "Please write a short story about {x} and {y}.",
    "I want a story about {x}, with {y} in it.", "Tell me a story about {x}. Put {y} in it.",
    "Tell me a story about {x}. There should be {y} in it.",
    "Write a story with {y} and {z} in it.", "Tell me a story about {y} and {z}.",
    "Use the words {v} and {w} in a story.", "Write a story with the words {v} and {w}.",
    "Tell me a story about {x}, {y} and {z}.", "Write a story about {x} with {y} and {z}.",
    "Tell me a story that happens {p}.", "Can you tell me a story about {x} {p}?",
    "Write a story about {x} {p}.", "Tell me what happened to {x} {p}.",
]
NEXT = ["What happened next?", "What happened then?", "What happens next?", "And then?", "Go on.",
        "Please go on.", "Then what happened?", "How does it end?", "Tell me more.",
        "And what then?", "How does the story end?", "Continue.", "I want to hear the rest.",
        "Tell me the rest, please."]
GO_ON = ["Here is how a story begins: {} What happens next?", "Go on with this story: {}",
         "Please finish this story. {}", "A story begins like this: {} Tell me the rest.",
         "Continue the story: {}"]
GREETINGS = [
    ("Hello!", "Hello! Would you like to hear a story?"),
    ("Hi!", "Hi! What would you like a story about?"),
    ("Hello.", "Hello! What should I tell you a story about?"),
    ("Hi there.", "Hello! I can tell you a story. What should it be about?"),
    ("Good morning.", "Good morning! Would you like a story?"),
    ("Good evening.", "Good evening! Is it time for a story?"),
    ("Who are you?", "I am a little storyteller. Ask me for a story!"),
    ("What can you do?", "I can tell you stories. Tell me who or what should be in it."),
    ("How are you?", "I am fine, thank you! Would you like to hear a story?"),
]
WHO = [("Who is the story about?", "It is about {}."),
       ("Who is in the story?", "The story is about {}."),
       ("Who was it about?", "The story was about {}.")]
THANKS = [
    ("Thank you!", "You are welcome! I am glad you liked it."),
    ("Thank you.", "You are welcome! Would you like another story?"),
    ("That was a nice story.", "Thank you! I am happy that you liked it."),
    ("I like that story.", "I am glad! I can tell you another one."),
    ("Thanks!", "You are welcome! Sleep well."),
    ("That was fun.", "I think so too! Shall I tell you another one?"),
]
