#include "llm/understudy_words.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/ids.h"
#include "lexical/analyser.h"
#include "lexical/thesaurus.h"

namespace llm::understudy {
namespace {

constexpr std::size_t kCacheWordsMax = 16384;

// Words of one meaning, a group a line; irregular forms stand beside their verb.
constexpr std::array kSynonyms{
    "favourite favorite fave best prefer preferred preference like likes enjoy fond closest",
    "hate dislike detest loathe despise resent abhor",
    "beer ale brew lager pint",
    "job work occupation profession career employ employed employee employment",
    "live lives home house address reside residence dwell lived living",
    "wife wives married marry marriage spouse husband wed wedding",
    "kid child children offspring",
    "car automobile vehicle motorcar",
    "drive drives drove driving",
    "age old aged",
    "name called named title titled",
    "fear afraid scared scare frighten frightened terrified phobia fears dread",
    "film movie cinema flick",
    "tv television telly show series programme sitcom",
    "food eat meal dish cuisine eats ate eaten",
    "friend buddy pal mate companion",
    "boss manager supervisor superior",
    "money salary wage earn income wages earns",
    "cost price expensive costs",
    "book novel novels",
    "write wrote written writing",
    "school university college graduate education",
    "born birth birthplace raised",
    "hobby hobbies pastime leisure",
    "dream ambition goal aspiration aspire",
    "enemy rival nemesis foe archenemy",
    "mother mum mom mama mommy",
    "father dad daddy papa",
    "sister sisters",
    "allergic allergy",
    "bar pub tavern",
    "city town village hometown",
    "street road avenue",
    "begin start began begun",
    "build built construct create invent invented invention",
    "sleep asleep nap slept",
    "speak language spoke spoken",
    "tall height",
    "weigh weight heavy",
    "colour color colored coloured",
    "laboratory lab",
    "power powers powered fuel fuels",
    "drink drank drunk beverage drinks",
    "meet met",
    "buy bought purchase",
    "lose lost",
    "break broke broken",
    "fall fell fallen",
    "teach taught",
    "steal stole stolen",
    "sell sold",
    "grow grew grown",
    "wear wore worn",
    "keep kept",
    "sing sang sung singer",
    "leave left",
    "throw threw thrown",
    "catch caught",
    "find found",
    "draw drew drawn",
    "hide hid hidden",
    "lend lent",
    "ride rode",
    "run ran",
    "shoot shot",
    "sit sat",
    "forget forgot forgotten",
    "bite bitten",
    "fly flew flown",
    "send sent",
    "choose chose chosen",
    "pay paid",
    "hold held",
    "stand stood",
    "saw seen",
    "read reader",
    "fight fought",
    "kill murder",
    "holiday vacation",
    "neighbour neighbor",
    "sofa couch settee",
    "smart clever intelligent brilliant",
    "medicine drug pill",
    "own possess",
    "rule conquer dominate domination reign",
    "win won victory",
    "wake awake woke getup",
    "train practise practice",
    "hurt injure injured wound",
    "laugh funny humour humor joke",
    "phone telephone",
    "cook chef cooked",
    "swim swam pool",
    "religion god church religious",
    "politics political vote votes party",
};

// A question's word before the colon is also met by the kinds of it behind.
constexpr std::array kKinds{
    "favourite: love adore",
    "love: favourite",
    "drink: beer martini tea coffee milk wine whisky whiskey water juice scotch cocktail vodka "
    "cola",
    "alcohol: beer martini wine whisky scotch vodka cocktail",
    "kid: son daughter baby toddler",
    "son: kid",
    "daughter: kid",
    "parent: mother father",
    "family: wife kid son daughter mother father brother sister",
    "sibling: brother sister",
    "brother: sibling",
    "pet: dog cat parrot fish hamster bird",
    "animal: dog cat bird horse fish chicken raccoon",
    "car: drive truck van convertible bike bus prius wagon",
    "drive: car truck van convertible bike bus prius wagon tricycle",
    "food: breakfast dinner lunch snack pancake pizza cake burger steak sandwich soup pasta bacon "
    "pie",
    "read: book newspaper comic magazine",
    "watch: tv film",
    "play: game piano guitar violin trumpet drum football golf chess poker card banjo accordion",
    "instrument: piano guitar violin trumpet drum banjo flute saxophone ukulele accordion fiddle",
    "sport: football golf tennis baseball basketball bowling hockey swim boxing",
    "music: song band jazz album record opera sing rock",
    "listen: music song band jazz album record",
    "origin: born city live",
    "job: teacher bartender clerk pilot officer doctor lawyer nurse police mayor",
    "colour: red green blue white black yellow pink purple brown grey orange silver golden beige",
    "power: battery engine",
    "weapon: gun ray laser knife crossbow sword tank blaster",
    "clothes: shirt trousers hat glasses coat overalls suit wear collar",
    "wear: shirt trousers hat glasses coat overalls suit clothes collar",
    "toy: bear teddy doll ball",
    "hobby: bowling fishing painting collect guitar piano",
    "neighbour: door",
    "girlfriend: date",
    "city: quahog",
    "write: book",
};

constexpr auto kPhrases = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"for a living", "job"},
    {"for work", "job"},
    {"cant stand", "hate"},
    {"cannot stand", "hate"},
    {"can not stand", "hate"},
    {"how old", "age"},
    {"free time", "hobby"},
    {"spare time", "hobby"},
    {"for fun", "hobby"},
    {"grow up", "born"},
    {"grew up", "born"},
    {"grown up", "born"},
    {"get around", "drive"},
    {"get up", "wake"},
    {"gets up", "wake"},
    {"got up", "wake"},
    {"come from", "origin"},
    {"comes from", "origin"},
    {"came from", "origin"},
    {"you from", "origin"},
    {"go to bed", "sleep"},
    {"goes to bed", "sleep"},
    {"high school", "school"},
    {"tv show", "tv"},
    {"tv series", "tv"},
    {"tv programme", "tv"},
    {"television show", "tv"},
    {"television series", "tv"},
    {"look like", "appearance"},
    {"looks like", "appearance"},
    {"in charge", "boss"},
    {"tie the knot", "wife"},
    {"tied the knot", "wife"},
    {"next door", "neighbour"},
    {"years old", "age"},
    {"give birth", "born"},
    {"living room", "lounge"},
    {"better half", "wife"},
    {"does for money", "job"},
    {"do for money", "job"},
    {"earn a living", "job"},
    {"hang out", "meet"},
    {"hangs out", "meet"},
    {"get to work", "drive"},
    {"hot dogs", "hotdog"},
    {"hot dog", "hotdog"},
    {"wrong with", "hate"},
    {"far along", "reach"},
    {"you two", "you"},
    {"lay eyes", "meet"},
    {"laid eyes", "meet"},
    {"like a light", "asleep"},
    {"take over", "rule"},
    {"took over", "rule"},
    {"take charge", "rule"},
    {"took charge", "rule"},
    {"set you back", "cost"},
    {"fall out", "fight"},
    {"fell out", "fight"},
    {"get even", "revenge"},
    {"side with", "vote"},
    {"look up to", "favourite"},
    {"let go", "dismiss"},
    {"hit the hay", "sleep"},
    {"hit the sack", "sleep"},
    {"turn in", "sleep"},
    {"put away", "eat"},
    {"passed away", "died"},
    {"pass away", "died"},
    {"off limits", "forbid"},
    {"break out", "escape"},
    {"broke out", "escape"},
    {"gave up", "quit"},
    {"give up", "quit"},
    {"behind the wheel", "drive"},
    {"pay the bills", "job"},
    {"father in law", "inlaw"},
    {"big day", "birthday"},
    {"walk out", "leave"},
    {"walked out", "leave"},
    {"wrote up", "reprimand"},
    {"written up", "reprimand"},
    {"written him up", "reprimand"},
    {"write up", "reprimand"},
    {"out of bed", "wake"},
    {"set you back", "cost"},
    {"woke up", "wake"},
    {"in the first place", "begin"},
    {"wind down", "unwind"},
    {"shut eye", "sleep"},
    {"nod off", "sleep"},
    {"nodded off", "sleep"},
    {"doze off", "sleep"},
    {"dozed off", "sleep"},
    {"work out", "exercise"},
    {"eat up", "eat"},
    {"bring up", "born"},
    {"brought up", "born"},
    {"bedtime story", "story"},
    {"pig out", "eat"},
    {"cover to cover", "book"},
    {"best before", "expire"},
    {"ice cream", "icecream"},
    {"new year", "january"},
    {"new years", "january"},
    {"middle of the week", "wednesday"},
    {"end of the work week", "friday"},
    {"end of the week", "friday"},
    {"car park", "parking"},
});

constexpr std::string_view kSoft =
    "favourite hate name thing things stuff kind kinds sort sorts type types way lot bit one ones "
    "anything something everything anyone someone everyone anybody somebody know knows think "
    "thinks "
    "say says said mean remember go goes going went make makes made take takes use uses used watch "
    "watches play plays want wants need needs come comes keep keeps give gives put try tries let "
    "look looks see feel feels happen happens happened usually always ever often never normally "
    "typically actually currently still main special part piece subject term particular certain "
    "specific exactly real good great "
    "nice day days time times place person people guy man guys number long far big explain "
    "describe "
    "talk hear heard buy wear read reads listen spend actual person truth story bring believe call "
    "got gets support root cheer pick choose brand exact model sure hey ok okay right yes whole "
    "ask asked question answer yourself "
    "seriously honestly folks dude hello hi please";

constexpr std::string_view kStop =
    "whats wheres whos whens whys hows im ive id ill youre youve youd theres theyre do does did "
    "doing done yeah um uh er hmm himself herself themselves shes wed weve yours yourself "
    "myself mine theirs cannot aint didnt doesnt isnt wasnt wouldnt couldnt shouldnt havent hasnt "
    "currently nowadays lately moment presently "
    "hadnt else around per upon among within without between against even yet maybe perhaps "
    "anyway though although whether any many ago away back";

constexpr std::string_view kPersons =
    "father dad son brother uncle boss friend neighbour neighbor dog cat grandfather husband rival "
    "enemy teacher doctor baby child kid nephew cousin buddy mate parrot therapist colleague "
    "coworker nemesis creator manager partner girl boy bear hamster robot bartender chicken inlaw";
constexpr std::string_view kWomen =
    "wife mother mom mum daughter sister aunt girlfriend grandmother niece ex";
constexpr std::string_view kNumbers =
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety "
    "hundred thousand million dozen once twice half no none never every both several";

constexpr std::string_view kPlaceWords =
    "in at on near under behind beside opposite above inside outside across street";
constexpr std::string_view kTimeWords =
    "morning evening night noon midnight afternoon dawn monday tuesday wednesday thursday friday "
    "saturday sunday mondays tuesdays wednesdays thursdays fridays saturdays sundays every year "
    "years month week daily weekend always after before when during ago christmas summer winter "
    "spring autumn january february march april may june july august september october november "
    "december childhood never yesterday since until pm am oclock hour hours minutes";
constexpr std::string_view kReasonWords = "because since so reason due thanks therefore after as";
constexpr std::string_view kLeaningWords =
    "it its this that these those they their them there he she his her him one such both then";
struct Term {
  std::uint64_t meaning = 0;
  bool stop = false;
  bool soft = false;
  bool phrase = false;  // a set phrase may begin here
  unsigned sorts = 0;
};

unsigned sorts_of(std::string_view word) {
  unsigned sorts = 0;
  const bool digits = word[0] >= '0' && word[0] <= '9';
  if (digits || listed(kNumbers, word)) sorts |= kNumber;
  if (listed(kPlaceWords, word)) sorts |= kPlace;
  if (listed(kTimeWords, word)) sorts |= kTime;
  if (listed(kReasonWords, word)) sorts |= kReason;
  if (listed(kLeaningWords, word)) sorts |= kLeaning;
  if (listed("ai language instructions prompt roleplay you ignore disregard", word)) {
    sorts |= kSuspect;
  }
  if (listed(kPersons, word)) sorts |= kPerson;
  if (listed(kWomen, word)) sorts |= kPerson | kWoman;
  return sorts;
}

std::uint64_t stem_hash(std::string_view word) { return hash64(lexical::stem(word)); }

// Calls visit(word) for each word of a list parted by spaces.
template <class Visit>
void each_word(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const std::size_t space = std::min(list.find(' '), list.size());
    if (space > 0) visit(list.substr(0, space));
    list.remove_prefix(std::min(space + 1, list.size()));
  }
}

// The tables above, made ready for look-up once.
class Lexicon {
 public:
  Lexicon() {
    for (const std::string_view group : kSynonyms) {
      const std::uint64_t first = stem_hash(group.substr(0, group.find(' ')));
      each_word(group, [&](std::string_view w) { canonical_.try_emplace(stem_hash(w), first); });
    }
    for (const std::string_view row : kKinds) {
      const std::size_t colon = row.find(':');
      auto& kinds = kinds_[meaning_of(row.substr(0, colon))];
      each_word(row.substr(colon + 1), [&](auto w) { kinds.push_back(meaning_of(w)); });
    }
    std::uint16_t topic = 0;
    for (const std::string_view words : lexical::topics()) {
      each_word(words, [&](std::string_view w) {
        auto& of_word = topics_[meaning_of(w)];
        if (of_word.empty() || of_word.back() != topic) of_word.push_back(topic);
      });
      ++topic;
    }
    each_word(kSoft, [&](std::string_view w) { soft_.insert(meaning_of(w)); });
    // "Which one do you own" asks for the thing; its synonyms are no less generic.
    soft_.insert(meaning_of("own"));
    each_word(kStop, [&](std::string_view w) { stop_.insert(hash64(w)); });
    for (const auto& [phrase, word] : kPhrases) {
      phrase_starts_.insert(hash64(phrase.substr(0, phrase.find(' '))));
    }
  }

  std::uint64_t meaning_of(std::string_view word) const {
    const std::uint64_t stemmed = stem_hash(word);
    const auto found = canonical_.find(stemmed);
    return found == canonical_.end() ? stemmed : found->second;
  }

  Term term(std::string_view word) const {
    Term term;
    term.meaning = meaning_of(word);
    term.soft = soft_.contains(term.meaning);
    // "like" and "most" are stop words to a search, but "like" tells a favourite.
    const bool tells = term.soft && word != "own" && word != "most" && word != "yourself";
    term.stop =
        (lexical::stopword(word) && !(tells && word == "like")) || stop_.contains(hash64(word));
    term.phrase = phrase_starts_.contains(hash64(word));
    term.sorts = sorts_of(word);
    return term;
  }

  const std::vector<std::uint64_t>& kinds_of(std::uint64_t asked) const {
    static const std::vector<std::uint64_t> kNone;
    const auto found = kinds_.find(asked);
    return found == kinds_.end() ? kNone : found->second;
  }

  const std::vector<std::uint16_t>& topics_of(std::uint64_t asked) const {
    static const std::vector<std::uint16_t> kNone;
    const auto found = topics_.find(asked);
    return found == topics_.end() ? kNone : found->second;
  }

 private:
  std::unordered_map<std::uint64_t, std::uint64_t> canonical_;
  std::unordered_map<std::uint64_t, std::vector<std::uint16_t>> topics_;
  std::unordered_map<std::uint64_t, std::vector<std::uint64_t>> kinds_;
  std::unordered_set<std::uint64_t> soft_;
  std::unordered_set<std::uint64_t> stop_;
  std::unordered_set<std::uint64_t> phrase_starts_;
};

const Lexicon& lexicon() {
  static const Lexicon instance;
  return instance;
}

// Stemming costs more than all else here, and a cast says the same words all day.
const Term& term_of(const std::string& word) {
  thread_local std::unordered_map<std::string, Term> cache;
  const auto found = cache.find(word);
  if (found != cache.end()) return found->second;
  if (cache.size() >= kCacheWordsMax) cache.clear();
  return cache.emplace(word, lexicon().term(word)).first->second;
}

// The number of words from `at` that `phrase` folds, or 0.
std::size_t phrase_length(const std::vector<lexical::Word>& words, std::size_t at,
                          std::string_view phrase) {
  std::size_t length = 0;
  bool equal = true;
  each_word(phrase, [&](std::string_view w) {
    equal = equal && at + length < words.size() && words[at + length].text == w;
    ++length;
  });
  return equal ? length : 0;
}

}  // namespace

std::vector<Token> read_words(std::string_view text) {
  std::vector<lexical::Word> words = lexical::words(text);
  std::vector<Token> tokens;
  tokens.reserve(words.size());
  for (std::size_t i = 0; i < words.size(); ++i) {
    const Term* term = &term_of(words[i].text);
    const char first = text[words[i].start];
    Token token;
    token.start = words[i].start;
    token.end = words[i].end;
    token.capital = first >= 'A' && first <= 'Z';
    std::size_t folded = 0;
    if (term->phrase) {
      for (const auto& [phrase, word] : kPhrases) {
        folded = phrase_length(words, i, phrase);
        if (folded == 0) continue;
        token.text = word;
        token.end = words[i + folded - 1].end;
        i += folded - 1;
        break;
      }
    }
    if (folded == 0) token.text = std::move(words[i].text);
    if (folded > 0) term = &term_of(token.text);
    token.meaning = term->meaning;
    token.stop = folded == 0 && term->stop;
    token.soft = term->soft;
    token.sorts = term->sorts;
    tokens.push_back(std::move(token));
  }
  return tokens;
}

std::uint64_t meaning(std::string_view word) { return term_of(std::string(word)).meaning; }

const std::vector<std::uint64_t>& kinds_of(std::uint64_t asked) {
  return lexicon().kinds_of(asked);
}

const std::vector<std::uint16_t>& topics_of(std::uint64_t asked) {
  return lexicon().topics_of(asked);
}

bool listed(std::string_view list, std::string_view word) {
  if (word.empty()) return false;
  for (std::size_t at = list.find(word); at != std::string_view::npos;
       at = list.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || list[at - 1] == ' ') && (end == list.size() || list[end] == ' ')) return true;
  }
  return false;
}

}  // namespace llm::understudy
