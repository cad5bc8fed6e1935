#include "llm/intent.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "base/utf8.h"

namespace llm {
namespace {

#include "llm/intent_weights.inc"

constexpr std::size_t kHeadBytes = 4096;
constexpr std::size_t kTailBytes = 1024;
constexpr std::size_t kRow = IntentFeatures::kBuckets + IntentFeatures::kShapes;

// Families of words that carry an intent beyond the few that the labelled prompts happen to use.
// A family is one feature, however many of its words stand in a text.
enum Family {
  Asks,
  SmallOrders,
  LargeOrders,
  Depth,
  Brevity,
  Personal,
  Moods,
  Programs,
  kFamilies
};

constexpr std::array<std::string_view, kFamilies> kWords{
    // Asks
    "who whos what whats which when where how why is are does do did can could should would",
    // SmallOrders
    "convert translate define spell fix correct list name give count extract classify sort remove "
    "tell reformat label choose pick complete abbreviate capitalise capitalize round autocomplete "
    "put keep add tag return output answer reply say respond",
    // LargeOrders
    "analyse analyze compare discuss evaluate explain design develop plan draft assess argue "
    "critique outline propose justify prove derive review summarise summarize weigh devise reflect "
    "describe examine elaborate revise edit interpret investigate recommend prioritise advise "
    "essay story letter speech strategy proposal article analysis report memo monologue chapter "
    "swot rubric framework curriculum proof theorem",
    // Depth
    "careful carefully thorough thoroughly detailed detail details depth nuance nuanced trade "
    "tradeoff tradeoffs argument arguments assumptions assumption causes consequences reasoning "
    "step steps evidence criteria objections structured implications perspective perspectives "
    "risks "
    "options words pages complete completely properly effects factors history historians theory "
    "theories ethical ethics critics criticism policy market budget concept concepts essay tone "
    "paragraph paragraphs strengths weaknesses lessons interpretation hypothesis study methodology",
    // Brevity
    "only just short shortest brief quick quickly real abbreviation synonym antonym plural "
    "opposite "
    "capital yes no true false letter word single exactly nothing else pls capitalisation comma "
    "spelled spelling tense currency language iso code timezone airport anagram rhymes acronym "
    "calories distance population formula symbol prime factor",
    // Personal
    "i im ive id my me mine myself we we're our you your youre u ur",
    // Moods
    "lol haha hahaha hey hi hello yo thanks thank ugh feel feeling felt love loved hate miss "
    "missed "
    "tonight today yesterday weekend morning night friend friends mom mum dad grandma boyfriend "
    "girlfriend crush boss neighbour neighbor cat dog kid funny joke jokes roast pretend let's "
    "lets "
    "play role character bored tired sad happy lonely angry awkward dumb stupid silly weird "
    "whatever "
    "wow omg aw nah nope yeah yep ok okay sorry honestly seriously guess rude bro dude anyone "
    "everyone somebody favourite favorite movie pizza coffee birthday party dinner game sleep bed",
    // Programs
    "python java javascript typescript js ts c cpp rust go golang ruby php perl bash zsh shell "
    "powershell sql postgres postgresql mysql mariadb sqlite mongo mongodb redis kafka docker "
    "kubernetes k0s kubectl helm terraform git github gitlab gitignore npm yarn pnpm pip conda "
    "cargo "
    "maven gradle cmake make makefile gcc clang linux ubuntu debian unix windows macos ssh tcp udp "
    "ip "
    "ips port ports iptables firewall regex regexp api rest graphql grpc protobuf json yaml xml "
    "csv "
    "html css scss sass div flexbox dom http https server client backend frontend code coding "
    "function functions method class classes struct enum interface variable array arrays string "
    "strings pointer pointers loop recursion compile compiler linker error errors exception "
    "exceptions stack traceback stacktrace trace debug debugger debugging bug script query index "
    "database schema table thread threads async await mutex race deadlock react vue angular svelte "
    "next node nodejs express django flask fastapi rails spring laravel flutter android ios nginx "
    "apache htaccess webpack vite eslint prettier jest unittest test tests pytest mock import "
    "module "
    "library package dependency haskell kotlin swift scala elixir erlang lua matlab r awk sed grep "
    "find xargs curl cron crontab systemd latex numpy pandas pytorch tensorflow opencv dockerfile "
    "segfault segmentation malloc heap null nullptr undefined nan boolean int float const var let "
    "static void websocket websockets jwt oauth token cors webhook lambda aws azure gcp s0 ec0 "
    "algorithm sorting merge commit branch rebase hash hashmap tree binary linked list big ffmpeg "
    "electron tauri unity shader embedded firmware arduino repository repo terminal command cli "
    "plugin extension framework refactor oop orm jpa hibernate typeerror syntaxerror nullpointer"};

std::uint8_t family_mask(std::string_view word) {
  static const auto masks = [] {
    std::unordered_map<std::string_view, std::uint8_t> table;
    for (std::size_t family = 0; family < kWords.size(); ++family) {
      std::string_view rest = kWords[family];
      while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(' '), rest.size());
        table[rest.substr(0, end)] |= static_cast<std::uint8_t>(1U << family);
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
    }
    return table;
  }();
  const auto found = masks.find(word);
  return found == masks.end() ? std::uint8_t{0} : found->second;
}

// FNV-1a, folded by its high bits, which are the better mixed ones.
class Hash {
 public:
  void add(char c) { state_ = (state_ ^ static_cast<unsigned char>(c)) * 0x100000001b3; }
  void add(std::string_view text) {
    for (const char c : text) add(c);
  }
  std::size_t bucket() const {
    return static_cast<std::size_t>((state_ * 0x9e3779b97f4a7c15) >> 51);
  }

 private:
  std::uint64_t state_ = 0xcbf29ce484222325;
};
static_assert(IntentFeatures::kBuckets == std::size_t{1} << (64 - 51));

bool word_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || (c & 0x80) != 0;
}
bool digit(char c) { return c >= '0' && c <= '9'; }

// The part that is read, in lower case, digits as 0: which number it is says nothing.
std::string read_part(std::string_view text) {
  std::string part(text.substr(0, kHeadBytes));
  if (text.size() > kHeadBytes) {
    const std::size_t rest = std::min(kTailBytes, text.size() - kHeadBytes);
    part += '\n';
    part += text.substr(text.size() - rest);
  }
  part = ascii_lower(part);
  for (char& c : part) c = digit(c) ? '0' : c;
  return part;
}

// The words' families, and each word and pair of words as a feature.
struct WordCounts {
  int words = 0;
  std::array<int, kFamilies> of_family{};
  bool asks_first = false;
  bool small_order_first = false;
  bool large_order_first = false;
};

WordCounts read_words(const std::string& text, IntentFeatures& features) {
  WordCounts counts;
  std::string word;
  std::string last = "^";
  const auto end_word = [&] {
    if (word.empty()) return;
    Hash one;
    one.add('w');
    one.add(word);
    features.add(one.bucket());
    Hash two;
    two.add('p');
    two.add(last);
    two.add(' ');
    two.add(word);
    features.add(two.bucket());
    const std::uint8_t mask = family_mask(word);
    for (std::size_t i = 0; i < kFamilies; ++i) counts.of_family[i] += (mask >> i) & 1;
    if (counts.words++ == 0) {
      counts.asks_first = counts.of_family[Asks] > 0;
      counts.small_order_first = counts.of_family[SmallOrders] > 0;
      counts.large_order_first = counts.of_family[LargeOrders] > 0;
    }
    last.swap(word);
    word.clear();
  };
  for (const char c : text) {
    if (word_byte(c)) {
      word += c;
    } else if (c != '\'') {
      end_word();
    }
  }
  end_word();
  return counts;
}

// Runs of white space count as one space, as at both ends.
void read_grams(const std::string& text, IntentFeatures& features) {
  std::string flat = " ";
  for (const char c : text) {
    const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!space || flat.back() != ' ') flat += space ? ' ' : c;
  }
  if (flat.back() != ' ') flat += ' ';
  for (std::size_t at = 0; at + 3 <= flat.size(); ++at) {
    Hash gram;
    const std::size_t longest = std::min<std::size_t>(5, flat.size() - at);
    for (std::size_t n = 0; n < longest; ++n) {
      gram.add(flat[at + n]);
      if (n >= 2) features.add(gram.bucket());
    }
  }
}

struct Marks {
  int lines = 1, digits = 0, questions = 0, shouts = 0, quotes = 0, code = 0;
  int identifiers = 0;  // as in programs: fooBar, foo_bar, foo(), foo.bar, --foo, /foo
};

// `raw` is the text with its capitals.
Marks read_marks(std::string_view text, std::string_view raw) {
  Marks marks;
  const auto lower = [&](std::size_t i) { return raw[i] >= 'a' && raw[i] <= 'z'; };
  for (std::size_t i = 1; i + 1 < std::min(raw.size(), kHeadBytes); ++i) {
    const char c = raw[i];
    const bool inside = lower(i - 1) && lower(i + 1) && (c == '_' || c == '.');
    const bool hump = lower(i - 1) && c >= 'A' && c <= 'Z';
    const bool call = lower(i - 1) && c == '(';
    const bool leading = raw[i - 1] == ' ' && lower(i + 1) && (c == '/' || c == '.' || c == '-');
    marks.identifiers += inside || hump || call || leading;
  }
  for (const char c : text) {
    marks.lines += c == '\n';
    marks.digits += digit(c);
    marks.questions += c == '?';
    marks.shouts += c == '!';
    marks.quotes += c == '"';
    marks.code += std::string_view("{}[]()<>;=_`$\\|/*#&@").find(c) != std::string_view::npos;
  }
  return marks;
}

float share(int count, int of) {
  return of == 0 ? 0.0F : std::min(1.0F, static_cast<float>(count) / static_cast<float>(of));
}
float flag(bool value) { return value ? 1.0F : 0.0F; }

void read_shape(std::string_view text, const WordCounts& words, const Marks& marks,
                IntentFeatures& features) {
  const int bytes = static_cast<int>(text.size());
  const auto log_words = std::log2(1.0F + static_cast<float>(words.words));
  const bool ends_asking = !text.empty() && trimmed(text).ends_with('?');
  features.shape = {
      log_words / 8,
      flag(words.words <= 4),
      flag(words.words > 4 && words.words <= 9),
      flag(words.words > 9 && words.words <= 18),
      flag(words.words > 18 && words.words <= 40),
      flag(words.words > 40),
      flag(marks.lines > 1),
      share(marks.lines - 1, 8),
      share(marks.code * 8, bytes),
      flag(marks.code >= 3),
      share(marks.digits * 8, bytes),
      flag(ends_asking),
      flag(marks.questions > 1),
      flag(marks.shouts > 0),
      flag(marks.quotes >= 2),
      flag(words.asks_first),
      flag(words.small_order_first),
      flag(words.large_order_first),
      share(words.of_family[SmallOrders], 2),
      share(words.of_family[LargeOrders], 3),
      share(words.of_family[Depth], 4),
      share(words.of_family[Brevity] * 4, words.words),
      share(words.of_family[Personal] * 4, words.words),
      share(words.of_family[Moods], 3),
      share(words.of_family[Programs], 3),
      share(words.of_family[Programs] * 4, words.words),
      share(marks.identifiers, 3),
      1.0F,
  };
}

int weight(std::size_t intent, std::size_t column) {
  // The alphabet of base64 as the digits from -32 to 31.
  const char c = kWeights[intent * kRow + column];
  if (c >= 'a') return c - 'a' - 6;
  if (c >= 'A') return c - 'A' - 32;
  if (digit(c)) return c - '0' + 20;
  return c == '+' ? 30 : 31;
}

}  // namespace

IntentFeatures intent_features(std::string_view last_user_text) {
  IntentFeatures features;
  const std::string text = read_part(last_user_text);
  features.buckets.reserve(std::min<std::size_t>(4 * text.size(), 4096));
  const WordCounts words = read_words(text, features);
  read_grams(text, features);
  read_shape(text, words, read_marks(text, last_user_text), features);
  return features;
}

Guess intent_of(std::string_view last_user_text) {
  const IntentFeatures features = intent_features(last_user_text);
  std::array<double, kIntents> odds{};
  std::array<int, kIntents> sums{};
  for (const std::uint16_t bucket : features.buckets) {
    for (std::size_t i = 0; i < kIntents; ++i) sums[i] += weight(i, bucket);
  }
  const double length =
      std::sqrt(std::max<double>(1, static_cast<double>(features.buckets.size())));
  for (std::size_t i = 0; i < kIntents; ++i) {
    odds[i] = kBucketScale * sums[i] / length;
    for (std::size_t j = 0; j < IntentFeatures::kShapes; ++j) {
      const int w = weight(i, IntentFeatures::kBuckets + j);
      odds[i] += kShapeScale * w * static_cast<double>(features.shape[j]);
    }
  }
  const auto best = std::max_element(odds.begin(), odds.end());
  double all = 0;
  for (const double odd : odds) all += std::exp(odd - *best);
  return {static_cast<PromptIntent>(best - odds.begin()), 1 / all};
}

}  // namespace llm
