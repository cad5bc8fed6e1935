#include "coordinator/reading.h"

#include <unordered_set>

namespace coordinator {
namespace {

using Words = std::unordered_set<std::string_view>;

// Of the registers of births of English, Spanish, German and Slavic speaking countries, and the
// short forms of chats. Names that are everyday words ("will", "mark", "rose") are left out.
const Words& given_names() {
  static const Words names{
      "aaron",     "abby",      "adam",     "adrian",  "aisha",     "alan",      "albert",
      "alex",      "alexa",     "alexis",   "ali",     "alice",     "alicia",    "alina",
      "amanda",    "amelia",    "amir",     "amy",     "ana",       "andre",     "andrea",
      "andrew",    "andy",      "angela",   "anita",   "ann",       "anna",      "anne",
      "annie",     "anton",     "antonio",  "anya",    "arthur",    "ashley",    "astrid",
      "audrey",    "ava",       "barbara",  "becky",   "ben",       "benjamin",  "bernd",
      "beth",      "betty",     "bianca",   "bob",     "bobby",     "boris",     "brad",
      "bruno",     "carl",      "carla",    "carlos",  "carmen",    "carol",     "caroline",
      "cass",      "cathy",     "cecilia",  "charles", "charlie",   "chloe",     "chris",
      "christian", "christina", "cindy",    "claire",  "clara",     "claudia",   "colin",
      "connor",    "craig",     "cynthia",  "daisy",   "dan",       "dana",      "daniel",
      "daniela",   "danny",     "dave",     "david",   "deb",       "debbie",    "denise",
      "dennis",    "derek",     "diana",    "diane",   "diego",     "dmitri",    "donna",
      "doris",     "doug",      "dylan",    "ed",      "eddie",     "edgar",     "edith",
      "eduardo",   "edward",    "elena",    "eli",     "elias",     "elizabeth", "ella",
      "ellen",     "ellie",     "elsa",     "emil",    "emily",     "emma",      "eric",
      "erica",     "erik",      "erika",    "erin",    "ethan",     "eva",       "evan",
      "evelyn",    "fatima",    "felix",    "fiona",   "florian",   "fred",      "freddy",
      "frida",     "gary",      "george",   "georgia", "gina",      "greg",      "greta",
      "gus",       "hannah",    "hans",     "harry",   "hassan",    "heather",   "heidi",
      "helen",     "helena",    "henry",    "hugo",    "ian",       "igor",      "ines",
      "ingrid",    "irene",     "irina",    "isaac",   "isabel",    "isabella",  "ivan",
      "jacob",     "jake",      "james",    "jamie",   "jan",       "jane",      "janet",
      "jason",     "javier",    "jeff",     "jen",     "jenna",     "jenny",     "jeremy",
      "jess",      "jesse",     "jessica",  "jim",     "jimmy",     "joan",      "joanna",
      "john",      "johnny",    "jon",      "jonas",   "jordan",    "jorge",     "jose",
      "josh",      "juan",      "judy",     "julia",   "julian",    "julie",     "justin",
      "karen",     "karl",      "kate",     "katie",   "kathy",     "keith",     "kelly",
      "ken",       "kevin",     "kim",      "klaus",   "kristen",   "kurt",      "kyle",
      "lara",      "larry",     "laura",    "lauren",  "lea",       "lena",      "leo",
      "leon",      "lexi",      "liam",     "lily",    "linda",     "lisa",      "liz",
      "logan",     "lola",      "lorenzo",  "lucas",   "lucia",     "lucy",      "luis",
      "luka",      "lukas",     "luke",     "luna",    "maggie",    "maja",      "manuel",
      "marco",     "marcus",    "margaret", "maria",   "marie",     "marina",    "mario",
      "marta",     "martha",    "martin",   "mary",    "matt",      "matthew",   "max",
      "maya",      "megan",     "mei",      "melissa", "mia",       "michael",   "michelle",
      "miguel",    "mike",      "mila",     "milan",   "mira",      "miriam",    "mohamed",
      "mom",       "mum",       "dad",      "honey",   "babe",      "wei",       "ming",
      "jin",       "wen",       "han",      "ren",     "kai",       "hana",      "hiro",
      "aiko",      "jun",       "soo",      "tao",     "yan",       "ling",      "ravi",
      "arjun",     "anil",      "deepa",    "anand",   "kofi",      "ama",       "kwame",
      "zainab",    "ahmed",     "ibrahim",  "khalid",  "layla",     "leila",     "maryam",
      "nour",      "tariq",     "yusra",    "jamal",   "tove",      "lars",      "nils",
      "freya",     "sigrid",    "bjorn",    "una",     "maeve",     "niamh",     "rory",
      "finn",      "nell",      "ivy",      "iris",    "jonah",     "gabe",      "gil",
      "bea",       "tess",      "theresa",  "ola",     "pim",       "joel",      "seth",
      "levi",      "noel",      "lou",      "val",     "viv",       "ida",       "lia",
      "mae",       "ada",       "jo",       "abe",     "zack",      "nico",      "enzo",
      "luca",      "dina",      "rosie",    "ellis",   "molly",     "monica",    "nadia",
      "nancy",     "naomi",     "natalie",  "natasha", "nate",      "nathan",    "ned",
      "nia",       "nicholas",  "nick",     "nicole",  "nikita",    "nina",      "noah",
      "noor",      "nora",      "oleg",     "olga",    "oliver",    "olivia",    "omar",
      "oscar",     "otto",      "pablo",    "pamela",  "paolo",     "patricia",  "patrick",
      "paul",      "paula",     "pavel",    "pedro",   "petra",     "phil",      "philip",
      "pia",       "priya",     "quinn",    "rachel",  "raj",       "ralph",     "raul",
      "rebecca",   "ricardo",   "richard",  "rick",    "rita",      "robert",    "rob",
      "roberto",   "robin",     "roger",    "ron",     "rosa",      "ross",      "roy",
      "ruben",     "russell",   "ruth",     "ryan",    "sabine",    "sally",     "sam",
      "samantha",  "samir",     "samuel",   "sandra",  "sara",      "sarah",     "sasha",
      "scott",     "sean",      "sergei",   "sharon",  "shane",     "silvia",    "simon",
      "sofia",     "sonia",     "sophia",   "sophie",  "stefan",    "steph",     "stephanie",
      "stephen",   "steve",     "steven",   "susan",   "sven",      "sylvia",    "tamara",
      "tanya",     "tara",      "ted",      "teresa",  "terry",     "theo",      "thomas",
      "tim",       "timmy",     "tina",     "toby",    "todd",      "tom",       "tommy",
      "tony",      "tracy",     "tyler",    "ursula",  "valentina", "vanessa",   "vera",
      "veronica",  "victor",    "victoria", "vincent", "vlad",      "walter",    "wanda",
      "wendy",     "xavier",    "yara",     "yasmin",  "yuki",      "yusuf",     "zach",
      "zara",      "zoe",       "zoey"};
  return names;
}

const Words& irregular_pasts() {
  static const Words verbs{"said",   "told",  "thought", "went",   "came",  "got",     "made",
                           "knew",   "drank", "ate",     "bought", "took",  "gave",    "saw",
                           "left",   "found", "lost",    "won",    "broke", "wrote",   "ran",
                           "sat",    "kept",  "brought", "fell",   "began", "paid",    "sent",
                           "slept",  "sold",  "spent",   "spoke",  "stole", "threw",   "woke",
                           "wore",   "built", "chose",   "drove",  "flew",  "grew",    "forgot",
                           "heard",  "held",  "rode",    "sang",   "stood", "stuck",   "swore",
                           "taught", "used",  "caught",  "just",   "never", "himself", "actually"};
  return verbs;
}

}  // namespace

bool pronoun(std::string_view word) {
  return one_of(word, {"you", "i", "we", "he", "she", "it", "they", "there", "u", "ya", "this",
                       "that", "anyone", "anybody", "someone", "somebody", "everyone"});
}

bool auxiliary(std::string_view word) {
  return one_of(word,
                {"is",     "are",   "was",  "were",    "am",     "do",      "does",   "did",
                 "can",    "could", "will", "would",   "should", "have",    "has",    "had",
                 "may",    "might", "must", "isnt",    "arent",  "wasnt",   "werent", "dont",
                 "doesnt", "didnt", "cant", "couldnt", "wont",   "wouldnt", "hasnt",  "shall"});
}

bool asks(std::string_view word) {
  return one_of(word, {"who", "what", "when", "where", "why", "which", "how", "whose", "whom",
                       "whats", "hows", "whos", "wheres", "whys", "whens"});
}

bool interjection(std::string_view word) {
  return one_of(
      word,
      {"lol",  "lmao", "haha",   "hahaha",    "hehe",     "heh",     "ha",   "omg",   "ok",
       "okay", "k",    "wait",   "well",      "oh",       "ah",      "aww",  "aw",    "hm",
       "hmm",  "um",   "uh",     "so",        "and",      "but",     "also", "btw",   "wow",
       "yeah", "yes",  "yep",    "no",        "nope",     "nah",     "true", "right", "sure",
       "cool", "nice", "fine",   "good",      "anyway",   "anyways", "now",  "then",  "please",
       "pls",  "plz",  "really", "seriously", "honestly", "damn",    "dude", "man",   "bro",
       "same", "ugh",  "yay",    "alright",   "actually", "ohh",     "ooh",  "hahah"});
}

bool courtesy(std::string_view word) {
  return one_of(word,
                {"hi",      "hey",       "hello",  "heya",     "hiya",    "yo",        "sup",
                 "thanks",  "thank",     "thx",    "ty",       "bye",     "goodbye",   "night",
                 "nite",    "goodnight", "gn",     "morning",  "evening", "afternoon", "sorry",
                 "welcome", "congrats",  "cheers", "farewell", "nighty"});
}

bool points_at(std::string_view word) {
  return auxiliary(word) ||
         one_of(word,
                {"about",  "of",      "with",   "to",      "from",    "for",     "than",  "by",
                 "at",     "on",      "like",   "if",      "that",    "because", "when",  "while",
                 "where",  "who",     "a",      "an",      "the",     "my",      "your",  "his",
                 "her",    "their",   "our",    "this",    "those",   "these",   "love",  "hate",
                 "know",   "see",     "saw",    "seen",    "met",     "meet",    "miss",  "call",
                 "called", "named",   "tell",   "told",    "ask",     "asked",   "heard", "hear",
                 "want",   "likes",   "loves",  "hates",   "against", "without", "said",  "says",
                 "uncle",  "aunt",    "cousin", "grandpa", "grandma", "saint",   "st",    "mr",
                 "dr",     "whether", "why",    "between"});
}

bool reports(std::string_view word) {
  if (one_of(word, {"thanks", "this", "always", "yes",     "whats", "hows",   "wheres",
                    "lets",   "its",  "guys",   "thats",   "need",  "indeed", "have",
                    "do",     "as",   "us",     "perhaps", "whens", "whos",   "his"})) {
    return false;
  }
  if (auxiliary(word) || irregular_pasts().contains(word)) return true;
  const bool third_person = word.size() > 3 && word.ends_with('s') && !word.ends_with("ss");
  return third_person || (word.size() > 4 && word.ends_with("ed"));
}

bool given_name(std::string_view word) { return given_names().contains(word); }

Reading::Reading(std::string_view text)
    : text_(text), words_(lexical::words(text)), sentences_(words_.size()) {
  for (std::size_t begin = 0; begin < size();) {
    std::size_t end = begin + 1;
    while (!begins(end)) ++end;
    for (std::size_t i = begin; i < end; ++i) sentences_[i] = {begin, end};
    begin = end;
  }
}

bool Reading::mentioned(std::size_t i) const {
  const std::size_t start = words_[i].start;
  if (start == 0 || text_[start - 1] != '@') return false;
  return start == 1 || std::string_view(" <(,\n\t").find(text_[start - 2]) != std::string::npos;
}

bool Reading::possessive(std::size_t i) const {
  const std::string_view after = text_.substr(words_[i].end);
  return after.starts_with("'s") || after.starts_with("\xE2\x80\x99s");
}

bool Reading::gap_has(std::size_t i, std::string_view marks) const {
  if (i == 0 || i >= words_.size()) return true;
  const std::size_t from = words_[i - 1].end;
  return text_.substr(from, words_[i].start - from).find_first_of(marks) != std::string_view::npos;
}

std::size_t Reading::past_interjections(std::size_t i) const {
  const std::size_t end = sentence_end(i);
  while (i + 1 < end && interjection(word(i))) ++i;
  return i;
}

}  // namespace coordinator
