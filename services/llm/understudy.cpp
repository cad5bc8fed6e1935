#include "llm/understudy.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "base/ids.h"
#include "base/utf8.h"
#include "lexical/sentences.h"
#include "llm/understudy_answer.h"
#include "llm/understudy_evidence.h"
#include "llm/understudy_intent.h"
#include "llm/understudy_meaning.h"
#include "llm/understudy_scene.h"
#include "llm/understudy_voice.h"
#include "llm/understudy_words.h"

namespace llm {
namespace understudy {
namespace {

constexpr std::size_t kLineBytesMax = 400;
constexpr std::size_t kSentencesMax = 4;
constexpr std::size_t kShortBytes = 140;  // when a note asks for a shorter line
constexpr std::size_t kClauseBytesMin = 24;
constexpr std::size_t kBodiesMax = 96;
constexpr double kNearEvidence = 0.03;
constexpr double kNearHedged = 0.3;  // close enough to the best to be offered beside it
constexpr double kClear = 0.8;       // ahead of the second best
constexpr double kNearMeant = 0.9;   // the same where scores hold meaning, too
constexpr std::size_t kHedged = 2;   // facts that are offered
constexpr std::size_t kHedgedMeant = 3;
constexpr std::size_t kHedgedBytesMax = 300;
constexpr std::size_t kHintWords = 4;      // "ideal getaway"
constexpr std::size_t kAskingBytes = 512;  // of a line that may ask without a mark

// What is said where the prompt has no line of its own: plain words for a plain client.
constexpr auto kPlainLines = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"greeting", "Hello! What can I do for you?"},
    {"greeting", "Hi there. What would you like to know?"},
    {"greeting", "Good to see you. How can I help?"},
    {"greeting", "Hello again. What is on your mind?"},
    {"farewell", "Goodbye, and take care."},
    {"farewell", "See you next time."},
    {"farewell", "Until later, then."},
    {"thanks", "You're welcome."},
    {"thanks", "Glad I could help."},
    {"thanks", "Any time."},
    {"how_are_you", "I'm fine, thank you. How about you?"},
    {"how_are_you", "All is well here. And with you?"},
    {"how_are_you", "Can't complain. What about you?"},
    {"who_are_you", "I'm the one who stands in here until somebody better turns up."},
    {"who_are_you", "Just the understudy: I answer from the texts that I am given."},
    {"told", "I see. Go on."},
    {"told", "That is good to know."},
    {"told", "Understood. What follows from it?"},
    {"told", "Interesting. What happened next?"},
    {"told", "Noted. Tell me more about that."},
    {"opinion", "I have no strong view on that. What is yours?"},
    {"opinion", "That depends on whom you ask. What do you think?"},
    {"opinion", "There is something to be said for both sides."},
    {"unknown", "I don't know, sorry."},
    {"unknown", "I have nothing on that."},
    {"unknown", "That is not something I know."},
    {"unknown", "Good question, but I have no answer to it."},
    {"unknown", "I couldn't tell you that one."},
    {"insult", "Let's stay friendly."},
    {"insult", "That was not very kind."},
    {"sad", "I'm sorry to hear that."},
    {"sad", "That sounds hard, and I'm sorry."},
    {"sad", "I'm sorry. Take your time."},
    {"sad", "That is a lot to carry. Tell me more, if you like."},
    {"compliment", "That's kind of you."},
    {"compliment", "Thank you, that is good to hear."},
    {"join", "Did somebody mention {topic}? Then I'm listening."},
    {"join", "There is a lot to say about {topic}."},
    {"dodge", "Let me come back to that."},
    {"dodge", "I'll have to think about it."},
    {"wrap", "As far as I know: {fact}"},
    {"wrap", "{fact} That much I know."},
    {"wrap", "Here is what I have: {fact}"},
});

constexpr std::array kPlainOpeners{"Well.", "All right.", "Let me see.", "Fair enough.",
                                   "Hm.",   "Right.",     "I hear you.", "Okay."};

// Between a line that says he does not know and the nearest that he does.
constexpr std::array kBridges{
    "But this I know: ",    "Closest thing I know: ", "If that's what you mean: ",
    "All I can tell you: ", "Maybe this helps: ",     "What I do know: "};

std::string_view situation(Intent intent) {
  switch (intent) {
    case Intent::Greeting:
      return "greeting";
    case Intent::Farewell:
      return "farewell";
    case Intent::Thanks:
      return "thanks";
    case Intent::HowAreYou:
      return "how_are_you";
    case Intent::WhoAreYou:
      return "who_are_you";
    case Intent::Sad:
      return "sad";
    case Intent::Insult:
      return "insult";
    case Intent::Compliment:
      return "compliment";
    case Intent::Ask:
      return "unknown";
    case Intent::Opinion:
      return "opinion";
    case Intent::AboutOther:
      return "about";
    case Intent::Told:
      return "told";
    case Intent::Banter:
      return "join";
  }
  return "told";
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// What the notes on an earlier draft ask for.
struct Wishes {
  bool brief = false;
  bool on_topic = false;
  std::uint64_t hash = 0;

  explicit Wishes(const std::vector<std::string_view>& notes) {
    for (const std::string_view note : notes) {
      const std::string text = ascii_lower(note);
      hash = hash64(text, hash);
      brief = brief || contains(text, "short") || contains(text, "too long") ||
              contains(text, "too_long") || contains(text, "brief");
      on_topic = on_topic || contains(text, "topic") || contains(text, "respond to") ||
                 contains(text, "answer the");
    }
  }
};

// Whether a fact was asked for.
enum class Manner { Answer, Remark };

template <class T>
void shuffle(std::vector<T>& list, Random& random) {
  for (std::size_t i = list.size(); i > 1; --i) {
    std::swap(list[i - 1], list[static_cast<std::size_t>(random.below(i))]);
  }
}

void append(std::vector<std::string>& list, std::vector<std::string> more) {
  for (std::string& item : more) {
    if (list.size() < kBodiesMax) list.push_back(std::move(item));
  }
}

// Drafts one line: collects bodies (things to say), best first, and takes the first that fits and
// was not said before; then the same with an opening phrase.
class Draft {
 public:
  Draft(const Scene& scene, std::uint64_t seed, Meanings* meanings)
      : scene_(scene),
        meanings_(meanings),
        reading_(read_line(scene)),
        wishes_(scene.notes),
        said_(scene),
        random_(hash64(scene.line, seed ^ wishes_.hash ^ (scene.turns.size() << 32U))) {}

  std::string line() {
    std::vector<std::string> bodies = wanted();
    if (wishes_.on_topic) prefer(bodies, [&](const std::string& body) { return touches(body); });
    if (wishes_.brief) {
      prefer(bodies, [](const std::string& body) { return body.size() <= kShortBytes; });
    }
    append(bodies, lines("dodge"));
    return chosen(bodies);
  }

 private:
  const Knowledge& knowledge() {
    if (!knowledge_) knowledge_.emplace(scene_);
    return *knowledge_;
  }

  // What a join line may name: a thing that the character knows, or at least surely a thing when a
  // person said it. Characters' lines are full of figures of speech.
  const std::string& topic() {
    if (topic_) return *topic_;
    topic_.emplace();
    for (const Topic& candidate : reading_.topics) {
      const bool known = knowledge().knows(candidate.meaning);
      const bool thing = candidate.score >= 3;
      if (reading_.speaker == nullptr ? !known && !thing : !known || !thing) continue;
      topic_ = candidate.text;
      break;
    }
    return *topic_;
  }

  template <class Wish>
  static void prefer(std::vector<std::string>& bodies, Wish wish) {
    std::stable_partition(bodies.begin(), bodies.end(), wish);
  }

  bool touches(std::string_view body) const {
    for (const Token& token : read_words(body)) {
      if (token.stop || token.soft) continue;
      for (const Token& asked : reading_.tokens) {
        if (!asked.stop && asked.meaning == token.meaning) return true;
      }
    }
    return false;
  }

  // The lines for a situation in a drawn order, slots filled; those that cannot be filled are out.
  std::vector<std::string> lines(std::string_view key) {
    std::vector<std::string_view> raw = scene_.lines_for(key);
    if (raw.empty()) {
      for (const auto& [plain_key, text] : kPlainLines) {
        if (plain_key == key) raw.push_back(text);
      }
    }
    shuffle(raw, random_);
    std::vector<std::string> ready;
    for (const std::string_view text : raw) {
      std::string line(text);
      if (contains(line, "{topic}")) {
        if (topic().empty()) continue;
        line = filled(line, "{topic}", topic());
      }
      for (const std::string_view slot : {"{user}", "{name}"}) {
        if (!contains(line, slot)) continue;
        if (scene_.author.empty()) line.clear();
        line = filled(line, slot, scene_.author);
      }
      if (!line.empty()) ready.push_back(std::move(line));
    }
    return ready;
  }

  std::vector<std::string> about(const Other& other) {
    std::vector<std::string> found = lines_of("about", other);
    return found.empty() ? lines("opinion") : found;
  }

  std::vector<std::string> lines_of(std::string_view kind, const Other& other) {
    const std::string key = std::string(kind) + " " + std::string(other.id);
    return lines(key);
  }

  // One sentence of the knowledge as the character says it.
  std::string spoken(const Match& match) {
    const Fact& fact = knowledge().facts()[match.fact];
    if (fact.leans) {
      const Fact& before = knowledge().facts()[fact.previous];
      return converted(before) + " " + converted(fact);
    }
    return converted(fact);
  }

  std::string converted(const Fact& fact) {
    std::string text = cleaned(fact.text);
    if (wishes_.brief) text = clause(text);
    if (!fact.subject_name.empty() && !scene_.name.empty()) text = named(std::move(text), fact);
    text = first_person(text, scene_.name, fact.subject, knowledge().female());
    if (!text.empty() && !contains(".!?\"')", text.substr(text.size() - 1))) text += '.';
    return text;
  }

  // What stands before the first comma that leaves enough, when a shorter line is wanted.
  static std::string clause(const std::string& text) {
    if (text.size() <= kShortBytes / 2) return text;
    const std::size_t comma = text.find(", ", kClauseBytesMin);
    return comma == std::string::npos ? text : text.substr(0, comma) + ".";
  }

  // "He drinks it dry." -> "Brian drinks it dry."
  static std::string named(std::string text, const Fact& fact) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string front = ascii_lower(text.substr(0, end));
    const std::string name(fact.subject_name);
    if (front == "he" || front == "she") return name + text.substr(end);
    if (front == "his" || front == "her") return name + "'s" + text.substr(end);
    return text;
  }

  // The matches in every wrap; each match's first turn comes before any match's second.
  std::vector<std::string> wrapped(const std::vector<Match>& matches, Manner manner) {
    std::vector<std::string> facts;
    for (const Match& match : matches) facts.push_back(spoken(match));
    return wrapped(facts, manner);
  }

  std::vector<std::string> wrapped(const std::vector<std::string>& facts, Manner manner) {
    std::vector<std::string_view> wraps = scene_.lines_for("wrap");
    if (wraps.empty()) {
      for (const auto& [key, text] : kPlainLines) {
        if (key == "wrap") wraps.push_back(text);
      }
    }
    wraps.push_back("{fact}");
    shuffle(wraps, random_);
    // Unasked, "Easy one!" before a fact would answer nobody.
    if (manner == Manner::Remark) {
      std::stable_partition(wraps.begin(), wraps.end(),
                            [](auto wrap) { return wrap.starts_with("{fact}"); });
    }
    // A plain client wants the plain sentence first.
    if (!scene_.scripted || wishes_.brief) {
      std::stable_partition(wraps.begin(), wraps.end(), [](auto wrap) { return wrap == "{fact}"; });
    }
    std::vector<std::string> bodies;
    for (const std::string& fact : facts) {
      for (const std::string_view wrap : wraps) {
        if (bodies.size() >= kBodiesMax) return bodies;
        if (contains(wrap, "{fact}")) bodies.push_back(filled(wrap, "{fact}", fact));
      }
    }
    return bodies;
  }

  // Answers close to the best one; what was said already yields to an equal that was not.
  std::vector<Match> near_best(std::vector<Match> matches, double margin) {
    if (matches.empty()) return matches;
    const double best = matches.front().score;
    std::erase_if(matches, [&](const Match& match) { return match.score < best - margin; });
    if (matches.size() > 4) matches.resize(4);
    std::stable_partition(matches.begin(), matches.end(),
                          [&](const Match& match) { return !said_.contains(spoken(match)); });
    return matches;
  }

  std::vector<Match> related() {
    std::vector<std::uint64_t> things;
    for (const Topic& topic : reading_.topics) things.push_back(topic.meaning);
    std::vector<Match> matches = knowledge().related(things);
    std::erase_if(matches, [&](const Match& match) { return said_.contains(spoken(match)); });
    if (matches.size() > 3) matches.resize(3);
    return matches;
  }

  std::vector<std::string> answer() {
    const std::vector<std::string_view> asked = questions_in(scene_.line);
    std::vector<Match> sure;
    std::vector<Match> half;
    for (const std::string_view part : asked) {
      const Evidence found = matching(read_question(scene_, part), part);
      if (asked.size() == 1) return said_with(found);
      auto& matches = found.confidence >= Confidence::Likely ? sure : half;
      if (found.matches.empty()) continue;
      const Match& best = found.matches.front();
      if (matches.empty() || matches.front().fact != best.fact) matches.push_back(best);
    }
    if (sure.empty()) return hedged(half);
    if (sure.size() < 2) return wrapped(sure, Manner::Answer);
    return wrapped({spoken(sure[0]) + " " + spoken(sure[1])}, Manner::Answer);
  }

  std::vector<std::string> said_with(const Evidence& found) {
    if (found.confidence == Confidence::Half) return hedged(found.matches);
    std::vector<std::string> bodies;
    if (found.confidence == Confidence::Likely && found.matches.size() > 1 && !wishes_.brief) {
      bodies = wrapped({spoken(found.matches[0]) + " " + spoken(found.matches[1])}, Manner::Answer);
    }
    append(bodies, wrapped(found.matches, Manner::Answer));
    return bodies;
  }

  // The best, unless he has said it.
  std::vector<Match> unsaid(std::vector<Match> matches) {
    if (matches.size() > 1) matches.resize(1);
    std::erase_if(matches, [&](const Match& match) { return said_.contains(spoken(match)); });
    return matches;
  }

  // What is near, after a line that says that he does not know: it claims to be no answer.
  std::vector<std::string> hedged(const std::vector<Match>& matches) {
    std::vector<std::string> bodies;
    if (matches.empty()) return bodies;
    std::string fact = spoken(matches[0]);
    const std::size_t most = wishes_.brief ? 1 : meant() ? kHedgedMeant : kHedged;
    for (std::size_t i = 1; i < std::min(matches.size(), most); ++i) {
      const std::string more = " " + spoken(matches[i]);
      if (fact.size() + more.size() <= kHedgedBytesMax) fact += more;
    }
    std::vector<std::string> unknown = lines("unknown");
    std::stable_partition(unknown.begin(), unknown.end(), [](const std::string& line) {
      return lexical::sentences(line).size() == 1;
    });
    for (const std::string& line : unknown) {
      const std::string_view bridge = kBridges[random_.below(kBridges.size())];
      bodies.push_back(line + " " + std::string(bridge) + fact);
    }
    return bodies;
  }

  Evidence matching(const Question& question, std::string_view asked) {
    std::vector<Match> matches = knowledge().answers(question);
    keep_fitting(knowledge().facts(), asked, matches);
    const bool thing = !question.heads.empty() &&
                       (!question.has || question.counted != 0 || question.heads.size() > 1);
    if (!question.open && !question.to_asker && (matches.empty() || (thing && !question.leans))) {
      Evidence found = evidence(asked, matches);
      // "Do you have a car?" and questions of generic words are met by too much.
      if (!thing && found.confidence == Confidence::Sure) found.confidence = Confidence::Half;
      return found;
    }
    if (question.open || question.heads.empty()) {
      std::erase_if(matches, [&](const Match& match) { return said_.contains(spoken(match)); });
      if (question.open) shuffle(matches, random_);
    }
    return {Confidence::Sure, near_best(std::move(matches), question.open ? 10.0 : 0.06)};
  }

  enum class By { Words, Meaning };

  Evidence evidence(std::string_view asked, const std::vector<Match>& full, By by = By::Meaning) {
    Evidence found = Search(scene_, knowledge().facts(), asked, full).evidence();
    // Where words leave no doubt, nothing need be computed of what is meant.
    const bool clear = found.confidence == Confidence::Sure && found.margin >= kClear;
    std::vector<float> near;
    if (by == By::Meaning && !clear) near = nearness(asked);
    if (!near.empty()) found = Search(scene_, knowledge().facts(), asked, full, near).evidence();
    const bool one = found.confidence == Confidence::Sure;
    const double margin = one ? kNearEvidence : near.empty() ? kNearHedged : kNearMeant;
    found.matches = near_best(std::move(found.matches), margin);
    return found;
  }

  bool meant() { return meanings_ != nullptr && meanings_->there(); }

  // How near each fact is to a question, as it would be said to him: so both speak of "you".
  std::vector<float> nearness(std::string_view asked) {
    if (!meant()) return {};
    std::vector<std::string> heard;
    for (const Fact& fact : knowledge().facts()) {
      heard.push_back(second_person(
          first_person(cleaned(fact.text), scene_.name, fact.subject, knowledge().female())));
    }
    return meanings_->nearness(cleaned(utf8_prefix(asked, kAskingBytes)), heard);
  }

  std::vector<std::string> wanted() {
    switch (reading_.intent) {
      case Intent::Ask:
      case Intent::Opinion: {
        std::vector<std::string> bodies = answer();
        if (bodies.empty()) append(bodies, lines(situation(reading_.intent)));
        return bodies;
      }
      case Intent::AboutOther: {
        std::vector<std::string> bodies;
        // "Who is Brian?" and "and Brian?" may have an answer; "what about Brian?" has a line.
        const bool names = contains(ascii_lower(scene_.line.substr(0, 64)), "who");
        if (names || read_question(scene_, scene_.line).leans) bodies = answer();
        append(bodies, about(*reading_.about));
        return bodies;
      }
      case Intent::Told:
        return told();
      case Intent::Banter:
        return banter();
      case Intent::Greeting:
      case Intent::Farewell:
      case Intent::Thanks:
      case Intent::HowAreYou:
      case Intent::WhoAreYou:
      case Intent::Sad:
      case Intent::Insult:
      case Intent::Compliment:
        break;
    }
    return lines(situation(reading_.intent));
  }

  // Whether an asking word opens a clause or stands before a verb ("be honest what does it cost"),
  // or the line begins as a question does ("does anyone laugh").
  bool asks_by_a_word() const {
    constexpr std::string_view kAsking =
        "what whats which who whos whom whose where wheres when whens why whys whyd how hows howd "
        "ever thoughts";
    constexpr std::string_view kVerbs =
        "is are was were am do does did d can could will would should have has had to";
    constexpr std::string_view kAsked =
        "you u ya your ur he she it they there the any anyone anybody anything";
    const std::vector<Token>& tokens = reading_.tokens;
    const auto text = [&](std::size_t i) {
      return i < tokens.size() ? std::string_view(tokens[i].text) : std::string_view();
    };
    if (listed(kVerbs, text(0)) && listed(kAsked, text(1))) return true;
    if (text(0) == "got" && text(1) == "any") return true;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (!listed(kAsking, text(i))) continue;
      const std::string_view before = trimmed(scene_.line.substr(0, tokens[i].start));
      const bool opens = before.empty() || contains(",.?!:;", before.substr(before.size() - 1));
      if (listed(kVerbs, text(i + 1)) || (opens && !listed("a an", text(i + 1)))) return true;
    }
    return false;
  }

  std::vector<std::string> told() {
    std::vector<std::string> bodies;
    // A question may come without its mark: "your older boy, hes how old now".
    const std::string lower = ascii_lower(scene_.line.substr(0, kAskingBytes));
    const bool asks = reading_.tokens.size() <= kHintWords || contains(lower, "you") ||
                      contains(lower, "wh") || contains(lower, "how");
    if (scene_.scripted) {
      // By meaning something is near to everything that is said: what asks nothing goes by words.
      const Evidence near = evidence(scene_.line, {}, asks_by_a_word() ? By::Meaning : By::Words);
      // What a statement brings to mind answers nobody, so it needs no hedge.
      bodies = asks ? said_with(near) : wrapped(unsaid(near.matches), Manner::Remark);
    }
    if (scene_.scripted && (wishes_.on_topic || random_.below(10) < 4)) {
      append(bodies, wrapped(related(), Manner::Remark));
    }
    if (reading_.about != nullptr && random_.below(2) == 0) append(bodies, about(*reading_.about));
    append(bodies, lines("told"));
    if (reading_.about != nullptr) append(bodies, about(*reading_.about));
    if (scene_.scripted) append(bodies, lines("join"));
    return bodies;
  }

  // Talk with another character: an answer if he asked, else a tease, a thing of one's own that
  // his line brings to mind, or a word on his topic, in a drawn order.
  std::vector<std::string> banter() {
    std::vector<std::string> bodies;
    if (reading_.asks) bodies = answer();
    std::vector<std::vector<std::string>> ways;
    ways.push_back(wrapped(related(), Manner::Remark));
    ways.push_back(lines_of("teaser", *reading_.speaker));
    if (!topic().empty()) ways.push_back(lines("join"));
    if (reading_.about != nullptr) ways.push_back(about(*reading_.about));
    if (reading_.asks) ways.push_back(lines("opinion"));
    shuffle(ways, random_);
    // First one of each way, so that no way crowds the others out.
    for (auto& way : ways) {
      if (!way.empty()) append(bodies, {way.front()});
    }
    for (auto& way : ways) append(bodies, std::move(way));
    append(bodies, lines_of("about", *reading_.speaker));
    append(bodies, lines("told"));
    return bodies;
  }

  std::vector<std::string> openers() {
    std::vector<std::string> found;
    for (const std::string_view phrase : scene_.phrases) {
      std::string opener = filled("{fact}", "{fact}", phrase);
      const bool marked = contains(".!?", opener.substr(opener.size() - 1));
      found.push_back(marked ? opener : opener + (random_.below(2) == 0 ? "!" : "."));
    }
    if (found.empty()) found.assign(kPlainOpeners.begin(), kPlainOpeners.end());
    shuffle(found, random_);
    return found;
  }

  bool allowed(const std::string& line) const {
    if (line.size() > (wishes_.brief ? kShortBytes : kLineBytesMax) || line.starts_with('#')) {
      return false;
    }
    const std::string lower = ascii_lower(line);
    for (const std::string_view mark : {"<<<", ">>>", "as an ai", "language model", "\n"}) {
      if (contains(lower, mark)) return false;
    }
    const std::string_view front = std::string_view(line).substr(0, line.find(':'));
    const bool script =
        front.size() < line.size() &&
        (scene_.other(front) != nullptr || same(front, scene_.author) || same(front, scene_.name));
    return !script && lexical::sentences(line).size() <= kSentencesMax && !said_.exactly(line) &&
           std::any_of(line.begin(), line.end(), [](char c) { return c != ' ' && c != '.'; });
  }

  std::string chosen(const std::vector<std::string>& bodies) {
    std::string spare;  // new, but close to a recent line
    const auto take = [&](const std::string& line) {
      if (!allowed(line)) return false;
      if (!said_.nearly(line)) return true;
      if (spare.empty()) spare = line;
      return false;
    };
    for (const std::string& body : bodies) {
      if (take(body)) return body;
    }
    const std::vector<std::string> opening = openers();
    for (const std::string& body : bodies) {
      for (const std::string& opener : opening) {
        if (const std::string line = opener + " " + body; take(line)) return line;
      }
      // A new opening for the wanted thing beats a new thing that was not asked for.
      if (!spare.empty()) return spare;
    }
    return counted();
  }

  // When all else was said: a number that no earlier line had.
  std::string counted() const {
    for (std::size_t n = said_.count() + 1;; ++n) {
      std::string line = "That makes " + std::to_string(n) + " things I have said by now.";
      if (!said_.exactly(line)) return line;
    }
  }

  const Scene& scene_;
  Meanings* const meanings_;
  const Reading reading_;
  const Wishes wishes_;
  const Said said_;
  Random random_;
  std::optional<std::string> topic_;
  std::optional<Knowledge> knowledge_;
};

}  // namespace
}  // namespace understudy

std::string understudy_line(const std::vector<Message>& messages, std::uint64_t seed,
                            understudy::Meanings* meanings) {
  const understudy::Scene scene = understudy::read_scene(messages);
  const std::string line = understudy::Draft(scene, seed, meanings).line();
  return utf8_valid(line) ? line : std::string(utf8_prefix(utf8_repaired(line), 400));
}

std::vector<std::string> understudy_pieces(std::string_view line) {
  std::vector<std::string> pieces;
  while (!line.empty()) {
    const std::size_t word = std::min(line.find_first_not_of(' '), line.size());
    const std::size_t end = std::min(line.find(' ', word), line.size());
    pieces.emplace_back(line.substr(0, end));
    line.remove_prefix(end);
  }
  return pieces;
}

}  // namespace llm
