#include "llm/understudy_voice.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "base/ids.h"
#include "base/utf8.h"
#include "lexical/analyser.h"
#include "llm/understudy_words.h"

namespace llm::understudy {
namespace {

constexpr std::size_t kRecentLines = 10;
constexpr double kNear = 0.7;  // share of common words that makes a line a repetition
constexpr std::size_t kOwnLineBytesMax = 4096;

constexpr std::string_view kAdverbs =
    "also never always often usually still now once rarely seldom secretly really only just "
    "sometimes even almost nearly mostly hardly already soon then twice first again ever probably "
    "currently regularly himself herself alone both";

// Third-person form and first-person form where the -s rule fails.
constexpr std::array<std::pair<std::string_view, std::string_view>, 17> kIrregular{{
    {"is", "am"},
    {"isn't", "am not"},
    {"has", "have"},
    {"hasn't", "haven't"},
    {"does", "do"},
    {"doesn't", "don't"},
    {"was", "was"},
    {"goes", "go"},
    {"aches", "ache"},
    {"dies", "die"},
    {"lies", "lie"},
    {"ties", "tie"},
    {"always", "always"},
    {"perhaps", "perhaps"},
    {"this", "this"},
    {"his", "my"},
    {"as", "as"},
}};

// Verbs whose -s form is no plural noun: after "and" they go on with the subject.
constexpr std::string_view kVerbs =
    "eat live keep sing write read hate teach buy sell bring spend wear tell think know believe "
    "get "
    "make take give go come say see hear feel find lose win meet pay send put let become begin "
    "carry choose collect complain forget forgive grow hide hold insist learn listen own prefer "
    "pretend refuse remember say sit sleep snore speak steal swim throw want wake adore claim "
    "despise detest enjoy wish have be do admire bowl invent build marry mention consider regard "
    "mean "
    "demand trade giggle shout inspect knock fear sort argue correct";
// Verbs whose -s form may be a plural: they need an object or place behind.
constexpr std::string_view kDoubtfulVerbs =
    "drink play work walk talk love dream fear run call show visit cook drive start end plan smoke "
    "fight dance ride watch park order blame use need hope stop turn try move name share judge "
    "laugh cry fall hunt paint record study travel worry store fix fish like fly date bet drop "
    "quote "
    "miss leave stay bark return";
constexpr std::string_view kObjectStarts =
    "a an the his her my its every it them him no not on at in to with for from about there all "
    "when too everything nothing anything through into around like up down out off by of that as";
// What only an object begins with: behind it, any word with an -s was a verb.
constexpr std::string_view kDeterminers = "a an the his her my it them him every that no nobody";
constexpr std::string_view kSubjectVerbs =
    "is was has had does did will would can could may might must should isn't wasn't hasn't "
    "doesn't "
    "didn't won't can't couldn't met went got bought lost won broke fell wrote drove ate drank "
    "kept "
    "made took said told saw left stole sold grew taught thought knew came gave began became found "
    "ran sang sat slept spent stood threw wore";
constexpr std::string_view kPrepositions =
    "of with to for at by from about than on in around behind beside against near without after "
    "before between under over";
constexpr std::string_view kNewSubjects =
    "it she he they we who which that where what this there these those everyone everybody nobody";
// First words that stay small in the middle of a sentence; any other may be a name.
constexpr std::string_view kCommonStarts =
    "my the a an it its he she they his her their this that these those there in on at when every "
    "most all nobody everybody everyone some after before once as for no one two three each both "
    "during since while we our you your if";

struct Piece {
  std::string text;
  bool word = false;
};

bool word_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c & 0x80);
}

bool capital(std::string_view word) { return !word.empty() && word[0] >= 'A' && word[0] <= 'Z'; }

std::string capitalised(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 32);
  return text;
}

// Words and what stands between them; an apostrophe or hyphen inside a word belongs to it.
std::vector<Piece> pieces_of(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    const bool quote = rest.starts_with("\xE2\x80\x99");
    plain += quote ? '\'' : text[i];
    if (quote) i += 2;
  }
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const bool inside = (plain[i] == '\'' || plain[i] == '-') && i > 0 && i + 1 < plain.size() &&
                        word_byte(plain[i - 1]) && word_byte(plain[i + 1]);
    // General punctuation (dashes, quotes) is written with bytes above 0x7F, too.
    const bool mark = plain.compare(i, 2, "\xE2\x80") == 0;
    if (mark) {
      if (pieces.empty() || pieces.back().word) pieces.push_back({{}, false});
      pieces.back().text += plain.substr(i, 3);
      i += std::min<std::size_t>(2, plain.size() - i - 1);
      continue;
    }
    const bool word = word_byte(plain[i]) || inside;
    if (pieces.empty() || pieces.back().word != word) pieces.push_back({{}, word});
    pieces.back().text += plain[i];
  }
  return pieces;
}

// The verb form that goes with "I".
std::string agreeing(const std::string& verb) {
  for (const auto& [third, first] : kIrregular) {
    if (verb == third) return std::string(first);
  }
  const std::string_view v = verb;
  if (v.size() < 4 || !v.ends_with('s') || v.ends_with("ss") || v.ends_with("us")) return verb;
  if (v.ends_with("ies")) return std::string(v.substr(0, v.size() - 3)) + "y";
  for (const std::string_view ending : {"sses", "xes", "zzes", "ches", "shes", "oes"}) {
    if (v.ends_with(ending)) return std::string(v.substr(0, v.size() - 2));
  }
  return std::string(v.substr(0, v.size() - 1));
}

class Converter {
 public:
  Converter(std::string_view sentence, std::string_view name, Subject subject, bool female)
      : pieces_(pieces_of(sentence)),
        name_(name),
        first_name_(name.substr(0, name.find(' '))),
        pronouns_(subject == Subject::Self || (subject == Subject::SelfsWoman && !female)),
        female_(female),
        persons_(subject == Subject::SelfsPerson),
        possessed_(persons_ || subject == Subject::SelfsWoman) {}

  std::string run() {
    if (pronouns_ || named_first()) take_couple();
    while (at_ < pieces_.size()) {
      const Piece& piece = pieces_[at_];
      if (!piece.word) {
        comma_ = piece.text.find(',') != std::string::npos;
        if (comma_ && aside_commas_ > 0 && --aside_commas_ == 0) verb_next_ = true;
        out_ += piece.text;
        ++at_;
        continue;
      }
      if (!take_name() && !take_pronoun()) take_word();
      comma_ = false;
      ++at_;
    }
    return std::move(out_);
  }

 private:
  const std::string& word(std::size_t at) const {
    static const std::string kNone;
    return at < pieces_.size() && pieces_[at].word ? pieces_[at].text : kNone;
  }
  // The word after the current one, if only a space parts them.
  const std::string& next(std::size_t at) const {
    static const std::string kNone;
    return at + 2 < pieces_.size() && pieces_[at + 1].text == " " ? word(at + 2) : kNone;
  }
  const std::string& before() const {
    static const std::string kNone;
    return at_ >= 2 ? word(at_ - 2) : kNone;
  }
  bool named_first() const { return !first_name_.empty() && word(at_) == first_name_; }

  void say(std::string text) {
    out_ += out_.empty() ? capitalised(std::move(text)) : std::move(text);
  }

  void say_subject(std::string_view text, bool verb_follows) {
    say(std::string(text));
    own_clause_ = true;
    // "Peter, who is 43, works": the verb comes behind the aside.
    const bool aside = at_ + 1 < pieces_.size() && pieces_[at_ + 1].text.starts_with(',');
    verb_next_ = verb_follows && !aside;
    aside_commas_ = verb_follows && aside ? 2 : 0;
  }

  // "Peter and his wife Lois live" -> "My wife Lois and I live".
  void take_couple() {
    if (!named_first() || next(at_) != "and") return;
    std::size_t end = at_ + 4;
    std::string others;
    if (word(end) == "his" || word(end) == "her") {
      // The noun goes with it, and up to a name that may follow: "his old friend Bob".
      others = "my " + word(end + 2);
      std::size_t name = end + 4;
      while (name < end + 8 && !word(name).empty() && !capital(word(name))) name += 2;
      if (capital(word(name)) && !listed(kSubjectVerbs, word(end + 4))) {
        for (std::size_t i = end + 4; i < name; i += 2) others += " " + word(i);
        end = name;
      } else {
        end += 4;
      }
    }
    while (capital(word(end))) {
      others += (others.empty() ? "" : " ") + word(end);
      end += 2;
    }
    if (others.empty() || others == "my " || end > pieces_.size()) return;
    out_ = capitalised(others) + " and I";
    at_ = end - 1;
    couple_ = true;
  }

  bool take_name() {
    const std::string& w = word(at_);
    if (first_name_.empty() || !w.starts_with(first_name_)) return false;
    std::string_view rest = std::string_view(w).substr(first_name_.size());
    if (!rest.empty() && rest != "'s") return false;
    // The rest of a full name goes with it.
    while (rest.empty() && surname(next(at_))) {
      at_ += 2;
      if (word(at_).ends_with("'s")) rest = "'s";
    }
    if (rest == "'s") {
      take_possessive(next(at_));
    } else if (subject_here()) {
      say_subject("I", true);
    } else {
      say("me");
    }
    return true;
  }

  void take_possessive(const std::string& follower) {
    if (follower.empty()) {
      say("mine");
    } else if (listed("a an the not been", follower) || follower.ends_with("ing")) {
      say("I'm");
      own_clause_ = true;
    } else {
      say("my");
      own_clause_ = false;
    }
  }

  bool surname(const std::string& candidate) const {
    if (!capital(candidate)) return false;
    const std::string_view bare = std::string_view(candidate).substr(0, candidate.find('\''));
    return name_.find(bare) != std::string_view::npos || (out_.empty() && pronouns_);
  }

  bool subject_here() const {
    if (out_.empty()) return true;
    const std::string follower = next(at_);
    if (listed(kPrepositions, before())) return false;
    if (follower.empty()) return false;
    return listed(kSubjectVerbs, follower) || listed(kAdverbs, follower) ||
           follower.ends_with("ed") || follower.ends_with("ly") ||
           listed(kVerbs, agreeing(follower)) || listed(kDoubtfulVerbs, agreeing(follower)) ||
           (listed("when where because while if as since what", before()) &&
            follower.ends_with('s'));
  }

  bool take_pronoun() {
    // "Peter's wife is Lois, and they are happy": the two of them.
    if (possessed_ && before() == "and" && word(at_) == "they") couple_ = true;
    if (couple_ && take_couple_pronoun()) return true;
    if (couple_ && !possessed_) return false;
    const std::string w = ascii_lower(word(at_));
    const std::string_view he = female_ ? "she" : "he";
    // "Peter's boss is Angela, who wrote him up": only what cannot be the boss is Peter.
    const bool his = (w == "him" && !female_) || (w == he && listed("whom that", before()));
    if (!pronouns_ && !(persons_ && his)) return false;
    if (w == he) {
      say_subject("I", true);
    } else if (w == std::string(he) + "'s") {
      const std::string& follower = next(at_);
      const bool done = follower.ends_with("ed") || follower.ends_with("en") || follower == "got";
      say(done ? "I've" : "I'm");
      own_clause_ = true;
    } else if (w == std::string(he) + "'d" || w == std::string(he) + "'ll") {
      say("I" + w.substr(he.size()));
      own_clause_ = true;
    } else if (w == (female_ ? "herself" : "himself")) {
      say("myself");
    } else if (w == (female_ ? "hers" : "mine")) {
      say("mine");
    } else if (!female_ && w == "him") {
      say("me");
    } else if (w == (female_ ? "her" : "his")) {
      const std::string& follower = next(at_);
      const bool alone = follower.empty() || listed(kObjectStarts, follower) || follower == "and";
      say(alone ? (female_ ? "me" : "mine") : "my");
    } else {
      return false;
    }
    return true;
  }

  bool take_couple_pronoun() {
    const std::string w = ascii_lower(word(at_));
    if (w == "they") {
      say("we");
    } else if (w == "their") {
      say("our");
    } else if (w == "them") {
      say("us");
    } else if (w == "themselves") {
      say("ourselves");
    } else {
      return false;
    }
    return true;
  }

  void take_word() {
    const std::string& w = word(at_);
    if (verb_next_ && (listed(kAdverbs, w) || w.ends_with("ly"))) {
      say(w);
      return;
    }
    if (verb_next_ || continues(w)) {
      say(agreeing(w));
      verb_next_ = false;
      return;
    }
    if (aside_commas_ == 1 && comma_ && w == "who") {
      verb_next_ = true;
    } else if (listed(kNewSubjects, w) || (capital(w) && listed(kSubjectVerbs, next(at_)))) {
      own_clause_ = false;
    }
    say(w);
  }

  // Whether `w` is a second verb of "I": "works at the brewery and drinks at the Clam".
  bool continues(const std::string& w) const {
    if (!own_clause_ || !w.ends_with('s')) return false;
    std::string lead = before();
    if (listed(kAdverbs, lead) && at_ >= 4) lead = word(at_ - 4);
    if (!comma_ && !listed("and but or then", lead)) return false;
    const std::string base = agreeing(w);
    if (listed(kVerbs, base) || w == "is" || w == "has") return true;
    const std::string& follower = next(at_);
    if (!comma_ && listed(kDeterminers, follower)) return true;
    return listed(kDoubtfulVerbs, base) && (listed(kObjectStarts, follower) || capital(follower));
  }

  std::vector<Piece> pieces_;
  std::string_view name_;
  std::string_view first_name_;
  bool pronouns_;
  bool female_;
  bool persons_;    // the sentence is about a person of his whom "he" may mean
  bool possessed_;  // about any person of his
  std::size_t at_ = 0;
  std::string out_;
  bool couple_ = false;
  bool comma_ = false;       // a comma stands right before
  bool verb_next_ = false;   // "I" was said, its verb not yet
  bool own_clause_ = false;  // "I" is the subject
  int aside_commas_ = 0;     // to come until the verb in "Peter, who is 44, works"
};

// Letters and digits in lower case, nothing between them.
std::string bare(std::string_view text) {
  std::string letters;
  letters.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) == "\xE2\x80") {
      i += 2;
    } else if (word_byte(text[i])) {
      letters += text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] + 32) : text[i];
    }
  }
  return letters;
}

std::vector<std::uint64_t> word_set(std::string_view text) {
  std::vector<std::uint64_t> set;
  for (const std::string& token : lexical::tokens(text)) set.push_back(hash64(token));
  std::sort(set.begin(), set.end());
  set.erase(std::unique(set.begin(), set.end()), set.end());
  return set;
}

}  // namespace

std::string first_person(std::string_view sentence, std::string_view name, Subject subject,
                         bool female) {
  return Converter(sentence, name, subject, female).run();
}

std::string second_person(std::string_view sentence) {
  constexpr auto kTurned = std::to_array<std::pair<std::string_view, std::string_view>>({
      {"i", "you"},
      {"me", "you"},
      {"my", "your"},
      {"mine", "yours"},
      {"myself", "yourself"},
      {"i'm", "you're"},
      {"i've", "you've"},
      {"i'd", "you'd"},
  });
  std::string text;
  std::string before;
  while (!sentence.empty()) {
    const std::size_t end = std::min(sentence.find_first_of(" ,.;:!?"), sentence.size());
    std::string word(sentence.substr(0, end));
    const std::string lower = ascii_lower(word);
    for (const auto& [own, turned] : kTurned) {
      if (lower == own) word = text.empty() ? capitalised(std::string(turned)) : turned;
    }
    if (before == "i" && lower == "am") word = "are";
    if (before == "i" && lower == "was") word = "were";
    if (!word.empty()) before = lower;
    const std::size_t mark = std::min(end + 1, sentence.size());
    text += word;
    text += sentence.substr(end, mark - end);
    sentence.remove_prefix(mark);
  }
  return text;
}

std::string filled(std::string_view line, std::string_view slot, std::string_view value) {
  std::string text;
  while (true) {
    const std::size_t at = line.find(slot);
    if (at == std::string_view::npos) return text + std::string(line);
    text += line.substr(0, at);
    line.remove_prefix(at + slot.size());
    std::string fitted(value);
    const std::string_view lead = trimmed(text);
    const bool opens =
        lead.empty() || std::string_view(".!?").find(lead.back()) != std::string_view::npos;
    const std::string_view first = value.substr(0, value.find_first_of(" ,'"));
    if (opens) {
      fitted = capitalised(std::move(fitted));
    } else if (listed(kCommonStarts, ascii_lower(first)) && !fitted.empty() && first != "I") {
      fitted[0] = ascii_lower(fitted.substr(0, 1))[0];
    }
    const bool marked =
        !line.empty() && std::string_view(",.!?;:").find(line[0]) != std::string_view::npos;
    const bool goes_on = line.size() > 1 && line[0] == ' ' && !capital(line.substr(1));
    if ((marked || goes_on) && fitted.ends_with('.')) fitted.pop_back();
    text += fitted;
  }
}

Said::Said(const Scene& scene) {
  for (auto turn = scene.turns.rbegin(); turn != scene.turns.rend(); ++turn) {
    if (!turn->own) continue;
    const std::string_view text = turn->text.substr(0, kOwnLineBytesMax);
    lines_.push_back(bare(text));
    if (recent_.size() < kRecentLines) recent_.push_back(word_set(text));
  }
  std::sort(lines_.begin(), lines_.end());
}

bool Said::exactly(std::string_view line) const {
  return std::binary_search(lines_.begin(), lines_.end(), bare(line));
}

bool Said::nearly(std::string_view line) const {
  const std::vector<std::uint64_t> set = word_set(line);
  return std::any_of(recent_.begin(), recent_.end(), [&](const auto& other) {
    std::vector<std::uint64_t> common;
    std::set_intersection(set.begin(), set.end(), other.begin(), other.end(),
                          std::back_inserter(common));
    const auto both = static_cast<double>(common.size());
    const double all = static_cast<double>(set.size() + other.size()) - both;
    return all > 0 && both / all > kNear;
  });
}

bool Said::contains(std::string_view text) const {
  const std::string needle = bare(text);
  return std::any_of(lines_.begin(), lines_.end(), [&](const std::string& line) {
    return line.find(needle) != std::string::npos;
  });
}

}  // namespace llm::understudy
