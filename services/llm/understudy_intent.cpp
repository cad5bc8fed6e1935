#include "llm/understudy_intent.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "lexical/analyser.h"

namespace llm::understudy {
namespace {

constexpr std::size_t kLineBytesMax = 4096;
constexpr std::size_t kTopicsMax = 12;
constexpr std::size_t kPartingWordsMax = 14;
constexpr std::size_t kHelloWordsMax = 6;
constexpr std::size_t kOpeningWords = 5;
constexpr std::size_t kSadWordsMax = 30;
constexpr std::size_t kShortWords = 10;  // a longer line is more than a courtesy

// Phrases parted by bars, as the words of a line read: lower case, no marks.
constexpr std::string_view kGreetings =
    "hi|hello|hey|yo|howdy|hiya|greetings|sup|good morning|good evening|good afternoon|hey there|"
    "hi there|hello there|morning|evening|welcome|ahoy|hallo|long time no see|nice to meet you|"
    "good to see you";
constexpr std::string_view kFarewells =
    "bye|goodbye|good bye|bye bye|good night|goodnight|see you|see ya|see you later|later|cya|"
    "farewell|take care|gotta go|i have to go|i must go|im off|i am off|got to go|have a good one|"
    "so long|im leaving|heading out|until next time|talk to you later|ttyl|catch you later|"
    "see you tomorrow|have a nice day|have a good night|time to go";
constexpr std::string_view kThanks =
    "thanks|thank you|thx|cheers|much appreciated|appreciate it|thanks a lot|many thanks|ty|"
    "thank you so much|thank you very much|i appreciate that|grateful";
constexpr std::string_view kHowAreYou =
    "how are you|how are you doing|how are things|hows it going|how is it going|how do you do|"
    "how you doing|how have you been|how are you today|are you ok|are you okay|you ok|you okay|"
    "whats up|what is up|how do you feel|how are you feeling|how was your day|hows your day|"
    "hows life|how is life|how goes it|whats new|everything ok|you alright|how have you been|"
    "how is your day|how ya doing|how are we";
constexpr std::string_view kWhoAreYou =
    "who are you|whats your name|what is your name|introduce yourself|tell me about yourself|"
    "tell us about yourself|what are you called|who am i talking to|what should i call you|"
    "what are you|who r u|tell me who you are|tell me something about yourself|"
    "describe yourself|and you are";
constexpr std::string_view kCompliments =
    "well done|good job|nice one|love you|i love you|i like you|you rock|good one|thats funny|"
    "thats hilarious|that was funny|great job|well said|good answer|nice work|youre the best|"
    "you are the best|proud of you|good boy|respect";
constexpr std::string_view kInsults =
    "shut up|i hate you|you suck|get lost|nobody likes you|go away|screw you|drop dead|"
    "nobody asked you|thats stupid|you stink|hate your guts";
constexpr std::string_view kOpinions =
    "do you think|you think|your opinion|your thoughts|your view|feel about|do you like|"
    "do you believe|do you agree|thoughts on|should i|should we|would you rather|do you prefer|"
    "which is better|whats better|is better|your take|do you reckon|do you make of|do you care|"
    "are you a fan|have you tried|have you seen|have you heard";

// A line of a person who is not well; no joke answers it.
constexpr std::string_view kSadPhrases =
    "im sad|i am sad|i feel sad|feeling sad|so sad|depressed|lonely|heartbroken|passed away|"
    "dumped me|broke up with me|bad day|terrible day|awful day|rough day|hard day|"
    "horrible day|worst day|lost my job|lost my dog|lost my cat|lost my mother|lost my mom|lost my "
    "father|"
    "lost my dad|lost my friend|lost my wife|lost my husband|got fired|im crying|i cried|i feel "
    "down|"
    "feeling down|funeral|i feel awful|i feel terrible|feel bad|im not ok|not doing well|"
    "i am sick|im sick|my heart is broken|im miserable|i am miserable|im scared|i am scared|"
    "im unhappy|i am unhappy|nobody loves me|cheer me up|i miss my";
constexpr std::string_view kLosses = "died|is dead|is dying|is very sick|is in hospital|has cancer";

// Said first, these tell what the line is for, whatever follows.
constexpr std::string_view kParting =
    "bye|goodbye|good bye|bye bye|good night|goodnight|see you|see ya|night all|night everyone|"
    "farewell|i have to go|gotta go|i must go|time to go";
constexpr std::string_view kHailing = "hello|hi|greetings|good morning|good evening|good afternoon";
constexpr std::string_view kThanking = "thanks|thank you|thx|cheers";

// Invitations ask for company, not for a fact.
constexpr std::string_view kInvitations =
    "who wants|want to|wanna|shall we|lets|anyone|anybody|whos in|who is in|whos up|care to|fancy|"
    "would you like|are you coming|will you come|who is up|join me|join us";

constexpr std::string_view kBadWords =
    "stupid idiot moron dumb fat ugly loser lame boring worst terrible awful fool foolish annoying "
    "jerk pathetic useless worthless ridiculous disgusting horrible liar fraud coward imbecile "
    "dull "
    "pretentious hack talentless lazy gross smelly buffoon clown failure mediocre washed";
constexpr std::string_view kGoodWords =
    "great funny awesome amazing cool smart clever brilliant wonderful fantastic hilarious kind "
    "nice "
    "sweet lovely best genius handsome beautiful cute charming talented legend hero adorable "
    "excellent incredible impressive wise";
constexpr std::string_view kAskingWords =
    "what whats who whos whom whose where wheres when why how which do does did is are was were "
    "can "
    "age could will would should have has may am";
constexpr std::string_view kFillers =
    "hey hi hello so um uh well oh ok okay and but please anyway listen dude man yo again now then "
    "there today really actually everyone all guys folks friend buddy good morning evening lol "
    "haha hehe everybody gentlemen ladies gents people team gang mate mates dear yall night";
constexpr std::string_view kDeterminers =
    "the a an my your his her their our this that some any more of about no";
constexpr std::string_view kPastVerbs =
    "broke died fell got ran went came lost won ate drank made took saw met bought sold left found "
    "had hit cut put told said thought wrote drove tried finished started stopped";
constexpr std::string_view kPoorTopics =
    "today tonight tomorrow yesterday morning evening night week year minute hour moment course "
    "point idea problem fact thing whole rest half side end part lot matter case question answer "
    "word words reason nobody line name maybe perhaps please thanks hello lately earlier later "
    "together";

std::string joined(const std::vector<Token>& tokens) {
  std::string text = " ";
  for (const Token& token : tokens) text += token.text + ' ';
  return text;
}

// The longest of `phrases` that stands in `text` (words with a space around each), or "".
std::string_view phrase_in(std::string_view text, std::string_view phrases) {
  std::string_view longest;
  while (!phrases.empty()) {
    const std::size_t bar = std::min(phrases.find('|'), phrases.size());
    const std::string_view phrase = phrases.substr(0, bar);
    const std::size_t at = text.find(phrase);
    const bool whole = at != std::string_view::npos && at > 0 && text[at - 1] == ' ' &&
                       at + phrase.size() < text.size() && text[at + phrase.size()] == ' ';
    if (whole && phrase.size() > longest.size()) longest = phrase;
    phrases.remove_prefix(std::min(bar + 1, phrases.size()));
  }
  return longest;
}

class Reader {
 public:
  explicit Reader(const Scene& scene) : scene_(scene) {}

  Reading run() {
    const std::string_view line = utf8_prefix(scene_.line, kLineBytesMax);
    reading_.tokens = read_words(line);
    reading_.speaker = scene_.other(scene_.author);
    for (const Token& token : reading_.tokens) {
      const Other* other = scene_.other(token.text);
      if (other != nullptr && other != reading_.speaker) reading_.about = other;
    }
    text_ = joined(reading_.tokens);
    reading_.asks = line.find('?') != std::string_view::npos || opens_with_question();
    reading_.topics = topics(line);
    reading_.intent = intent();
    return std::move(reading_);
  }

 private:
  bool own_name(std::string_view word) const {
    return !scene_.name.empty() && same(word, scene_.name.substr(0, scene_.name.find(' ')));
  }
  bool filler(const Token& token) const {
    return listed(kFillers, token.text) || own_name(token.text) || same(token.text, scene_.author);
  }

  bool opens_with_question() const {
    auto token = reading_.tokens.begin();
    while (token != reading_.tokens.end() && filler(*token)) ++token;
    if (token == reading_.tokens.end()) return false;
    if (listed(kAskingWords, token->text)) return true;
    return !phrase_in(text_, "tell me|tell us|explain|describe|give me|remind me|name").empty();
  }

  // Whether the line says some of `phrases` and nothing else of weight.
  bool only(std::string_view phrases) const {
    std::string rest = text_;
    std::string_view phrase = phrase_in(rest, phrases);
    if (phrase.empty()) return false;
    for (; !phrase.empty(); phrase = phrase_in(rest, phrases)) {
      rest.erase(rest.find(phrase), phrase.size());
    }
    for (const Token& token : read_words(rest)) {
      if (!token.stop && !token.soft && !filler(token) && scene_.other(token.text) == nullptr) {
        return false;
      }
    }
    return true;
  }

  // Whether no word of weight stands beside those of `words` ("So lame!").
  bool nothing_but(std::string_view words) const {
    return std::all_of(reading_.tokens.begin(), reading_.tokens.end(), [&](const Token& token) {
      return token.stop || token.soft || filler(token) || listed(words, token.text);
    });
  }

  // Whether a line of no more than `words_max` words says one of `phrases` in its first few words.
  bool opens_with(std::string_view phrases, std::size_t words_max) const {
    const auto& tokens = reading_.tokens;
    if (reading_.asks || tokens.size() > words_max) return false;
    std::string front = " ";
    for (std::size_t i = 0; i < std::min(tokens.size(), kOpeningWords); ++i) {
      front += tokens[i].text + ' ';
    }
    return !phrase_in(front, phrases).empty();
  }

  bool sad() const {
    if (reading_.tokens.size() > kSadWordsMax) return false;
    const bool loss = !phrase_in(text_, kLosses).empty() && !phrase_in(text_, "my").empty();
    const bool sad = loss || !phrase_in(text_, kSadPhrases).empty();
    const bool others = !phrase_in(text_, "you|your|youre").empty();
    if (reading_.asks) return sad && !phrase_in(text_, "cheer me up").empty();
    return sad && !others;
  }

  // Whether "you are" and the like stand within four words before one of `words`.
  bool calls_you(std::string_view words) const {
    const auto& tokens = reading_.tokens;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (!listed(words, tokens[i].text)) continue;
      if (!reading_.asks && nothing_but(words)) return true;
      for (std::size_t j = i >= 4 ? i - 4 : 0; j < i; ++j) {
        const bool are = j + 1 < i && tokens[j].text == "you" && tokens[j + 1].text == "are";
        const bool inverted = j > 0 && tokens[j].text == "you" && tokens[j - 1].text == "are";
        if (are || inverted || listed("youre ur", tokens[j].text)) return true;
        // "You idiot!"
        if (tokens[j].text == "you" && j + 2 >= i && !reading_.asks) return true;
      }
    }
    return false;
  }

  Intent intent() const {
    const bool brief = reading_.tokens.size() <= kShortWords;
    if (reading_.speaker != nullptr) return Intent::Banter;
    if (reading_.tokens.empty()) return Intent::Told;
    if (brief && only(kWhoAreYou)) return Intent::WhoAreYou;
    if (brief && only(kHowAreYou)) return Intent::HowAreYou;
    if (brief && only(kFarewells)) return Intent::Farewell;
    if (brief && only(kThanks)) return Intent::Thanks;
    if (opens_with(kParting, kPartingWordsMax)) return Intent::Farewell;
    if (opens_with(kThanking, kPartingWordsMax)) return Intent::Thanks;
    if (sad()) return Intent::Sad;
    if (brief && only(kInsults)) return Intent::Insult;
    if (brief && only(kCompliments)) return Intent::Compliment;
    if (calls_you(kBadWords)) return Intent::Insult;
    if (!reading_.asks && calls_you(kGoodWords)) return Intent::Compliment;
    if (opens_with(kHailing, kHelloWordsMax)) return Intent::Greeting;
    if (brief && only(kGreetings)) return Intent::Greeting;
    if (std::all_of(reading_.tokens.begin(), reading_.tokens.end(),
                    [&](const Token& token) { return own_name(token.text); })) {
      return Intent::Greeting;
    }
    if (reading_.about != nullptr && only_about_other()) return Intent::AboutOther;
    if (!reading_.asks || invites()) return Intent::Told;
    // "Really?" asks for nothing that one could look up.
    if (reading_.tokens.size() <= 2 && nothing_but("") &&
        phrase_in(text_, "why|how|what|where|when|who").empty()) {
      return Intent::Told;
    }
    return phrase_in(text_, kOpinions).empty() ? Intent::Ask : Intent::Opinion;
  }

  // "Where do you want to go?" asks; "Who wants to come along?" invites.
  bool invites() const {
    return !phrase_in(text_, kInvitations).empty() &&
           phrase_in(text_, "what|where|when|which|how|why").empty();
  }

  // "What do you think of Brian?": no other topic than his name.
  bool only_about_other() const {
    return std::none_of(reading_.tokens.begin(), reading_.tokens.end(), [&](const Token& token) {
      return !token.stop && !token.soft && !filler(token) && scene_.other(token.text) == nullptr &&
             !listed("opinion thought feeling", token.text);
    });
  }

  // Words that a card's "{topic}" can stand for: best the last of a run of topic words behind an
  // article or another determiner.
  std::vector<Topic> topics(std::string_view line) const {
    const auto& tokens = reading_.tokens;
    std::vector<Topic> found;
    for (std::size_t i = 0; i < tokens.size() && found.size() < kTopicsMax; ++i) {
      const Token& token = tokens[i];
      if (token.stop || token.soft || filler(token) || token.text.size() < 3) continue;
      if (listed(kPoorTopics, token.text) || (token.sorts & (kNumber | kTime)) != 0) continue;
      if (listed(kBadWords, token.text) || listed(kGoodWords, token.text)) continue;
      if (scene_.other(token.text) != nullptr || token.text.ends_with("ly")) continue;
      if (listed(kPastVerbs, token.text)) continue;
      const bool ends_run = i + 1 == tokens.size() || tokens[i + 1].stop || tokens[i + 1].soft ||
                            tokens[i + 1].text.ends_with("ed") ||
                            listed(kPastVerbs, tokens[i + 1].text);
      if (!ends_run) continue;
      const bool determined =
          i > 0 && (listed(kDeterminers, tokens[i - 1].text) ||
                    (!tokens[i - 1].stop && i > 1 && listed(kDeterminers, tokens[i - 2].text)));
      int score = 2 + (determined ? 2 : 0);
      score -= token.text.ends_with("ing") || token.text.ends_with("ed") ? 2 : 0;
      const bool name = token.capital && i > 0 && line.substr(token.start - 1, 1) == " ";
      std::string text(line.substr(token.start, token.end - token.start));
      if (!name) text = ascii_lower(text);
      found.push_back({std::move(text), token.meaning, score});
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const Topic& a, const Topic& b) { return a.score > b.score; });
    return found;
  }

  const Scene& scene_;
  Reading reading_;
  std::string text_;
};

}  // namespace

Reading read_line(const Scene& scene) { return Reader(scene).run(); }

}  // namespace llm::understudy
