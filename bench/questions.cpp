// How well the understudy answers from what a character knows: each question of a JSONL file is put
// to a whole stack through POST /orchestrate, in a channel of its own.
//
//   bench/questions [--data FILE] [--hits N] [--show]
//
// A question is {"character", "question", "answerable", "facts": [[text, ...], ...], "traps":
// [...]}. Texts are looked for in the reply without regard to case.
//   answered   of the answerable: of each group of facts one stands in the reply
//   hedged     of the answerable: answered behind a line of the card that says he does not know
//   trapped    of the unanswerable: a trap stands in the reply as its answer
//   trapped_hedged  the same behind such a line: what is near, said to be no answer
//   invented   of the unanswerable, and apart from them of all: the reply has a number (digits, or
//   a
//              word from "two" to "million") or a proper name (a capitalised word that opens no
//              sentence and is no form of "I") that stands as a word neither in the question nor in
//              the character's card or knowledge file
//   honest     of the unanswerable: nothing of the reply is from the knowledge; it is, but for
//              an opening phrase, a line that the card has for what he does not know or cares about
// Prints one JSON object; with --show the failures first, a line each. Never tune on held-out data.

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/utf8.h"
#include "door.h"
#include "lexical/analyser.h"
#include "stack.h"

namespace {

constexpr int kSettlingChecks = 3'000;
constexpr std::string_view kNumbers =
    " two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred "
    "thousand million dozen ";

std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What a character can know: its files in the stack's data directory.
struct Known {
  std::set<std::string> words;       // of card and knowledge
  std::vector<std::string> lines;    // of the card that are no answer, in lower case
  std::vector<std::string> unknown;  // of these, those for what he does not know
};

Known read_known(const std::string& directory, const std::string& character) {
  const std::string base = directory + "/data/characters/" + character;
  const std::string card = file_text(base + ".json");
  Known known;
  for (const std::string& text : {card, file_text(base + ".md")}) {
    for (std::string& word : lexical::tokens(text)) known.words.insert(std::move(word));
  }
  const auto document = json::Document::parse(card);
  if (!document) return known;
  auto node = std::optional(document.value().root());
  for (const char* member : {"data", "extensions", "troupe", "lines"}) {
    if (node) node = node->find(member);
  }
  if (!node) return known;
  node->each_member([&](std::string_view situation, json::Value lines) {
    if (situation == "wrap" || situation == "join") return;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      known.lines.push_back(ascii_lower(lines.at(i).string()));
      if (situation == "unknown") known.unknown.push_back(known.lines.back());
    }
  });
  return known;
}

// Whether the word at `start` opens a sentence, and so has its capital from there.
bool opens_sentence(std::string_view text, std::size_t start) {
  while (start > 0 && std::string_view(" \"'(*").find(text[start - 1]) != std::string_view::npos) {
    --start;
  }
  return start == 0 || std::string_view(".!?:;\n").find(text[start - 1]) != std::string_view::npos;
}

// The first number or proper name in `reply` that comes from nowhere, or "".
std::string invented(std::string_view reply, const std::string& question, const Known& known) {
  std::set<std::string> asked;
  for (std::string& word : lexical::tokens(question)) asked.insert(std::move(word));
  for (const lexical::Word& word : lexical::words(reply)) {
    const bool number = (word.text[0] >= '0' && word.text[0] <= '9') ||
                        kNumbers.find(" " + word.text + " ") != std::string_view::npos;
    const char first = reply[word.start];
    const bool self = word.text == "i" || word.text == "im" || word.text == "ive" ||
                      word.text == "ill" || word.text == "id";
    const bool name = first >= 'A' && first <= 'Z' && !self && !opens_sentence(reply, word.start);
    if ((number || name) && !known.words.contains(word.text) && !asked.contains(word.text)) {
      return word.text;
    }
  }
  return {};
}

bool has_any(const std::string& reply, json::Value texts) {
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (reply.find(ascii_lower(texts.at(i).string())) != std::string::npos) return true;
  }
  return false;
}

bool has_all_facts(const std::string& reply, json::Value groups) {
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (!has_any(reply, groups.at(i))) return false;
  }
  return true;
}

bool has_line(const std::string& reply, const Known& known) {
  for (const std::string& line : known.lines) {
    if (reply.ends_with(line)) return true;
  }
  return false;
}

// Whether he says that he does not know, and then something after all.
bool is_hedged(const std::string& reply, const Known& known) {
  for (const std::string& line : known.unknown) {
    const std::size_t at = reply.find(line);
    if (at != std::string::npos && at + line.size() < reply.size()) return true;
  }
  return false;
}

struct Totals {
  int answerable = 0, answered = 0, hedged = 0;
  int unanswerable = 0, trapped = 0, trapped_hedged = 0, honest = 0, invented = 0;
  int invented_of_all = 0, failed = 0;
};

double share(int part, int of) { return of == 0 ? 0 : static_cast<double>(part) / of; }

class Examination {
 public:
  Examination(const bench::Stack& stack, bool show) : stack_(stack), show_(show) {}

  // Whether all that the characters know is searched as it will be; else for a moment by words.
  bool is_settled() {
    const auto health = door_.get(stack_.url("retriever") + "/rag/health");
    return health && health.value().root().text_or("meaning", "") != "loading";
  }

  void ask(json::Value question) {
    const std::string id(question.text_or("id", "?"));
    const std::string character(question.text_or("character", ""));
    const std::string asked(question.text_or("question", ""));
    const auto body = door_.post(
        stack_.url("router") + "/orchestrate",
        fmt::format(R"({{"channel":{},"author":"visitor","message":{},"character":{}}})",
                    json::quoted("questions-" + id), json::quoted(asked), json::quoted(character)));
    const std::string reply(body ? body.value().root().text_or("text", "") : "");
    if (reply.empty()) {
      ++totals_.failed;
      fmt::print(stderr, "bench/questions: no reply to {}\n", id);
    }
    mark(question, asked, reply, known_of(character));
  }

  const Totals& totals() const { return totals_; }

 private:
  const Known& known_of(const std::string& character) {
    const auto found = known_.find(character);
    if (found != known_.end()) return found->second;
    return known_.emplace(character, read_known(stack_.directory(), character)).first->second;
  }

  void mark(json::Value question, const std::string& asked, const std::string& reply,
            const Known& known) {
    const std::string lower = ascii_lower(reply);
    const std::string invention = invented(reply, asked, known);
    std::string wrong;
    totals_.invented_of_all += invention.empty() ? 0 : 1;
    if (question.find("answerable") && question.find("answerable")->boolean()) {
      const auto facts = question.find("facts");
      const bool good = facts && has_all_facts(lower, *facts);
      ++totals_.answerable;
      totals_.answered += good ? 1 : 0;
      totals_.hedged += good && is_hedged(lower, known) ? 1 : 0;
      if (!good)
        wrong = has_line(lower, known) ? "silent" : is_hedged(lower, known) ? "near" : "wrong";
    } else {
      const auto traps = question.find("traps");
      const bool trapped = traps && has_any(lower, *traps);
      const bool honest = has_line(lower, known);
      ++totals_.unanswerable;
      const bool hedged = is_hedged(lower, known);
      totals_.trapped += trapped && !hedged ? 1 : 0;
      totals_.trapped_hedged += trapped && hedged ? 1 : 0;
      totals_.honest += honest ? 1 : 0;
      totals_.invented += invention.empty() ? 0 : 1;
      if (!honest) wrong = trapped ? "trapped" : "claimed";
      if (hedged) wrong += " hedged";
    }
    if (!invention.empty()) wrong += " invented " + invention;
    if (show_ && !wrong.empty()) {
      fmt::print("{} {} {}: {} -> {}\n", question.text_or("id", "?"), wrong,
                 question.text_or("character", ""), asked, reply);
    }
  }

  const bench::Stack& stack_;
  const bool show_;
  bench::Door door_;
  std::map<std::string, Known> known_;
  Totals totals_;
};

int run(const std::string& data, const std::map<std::string, std::string>& extra, bool show) {
  std::ifstream file(data);
  if (!file) {
    fmt::print(stderr, "bench/questions: cannot read {}\n", data);
    return 2;
  }
  const auto stack = bench::Stack::start(bench::config_with(extra));
  if (!stack) {
    fmt::print(stderr, "bench/questions: {}\n", stack.error().message);
    return 1;
  }
  Examination examination(stack.value(), show);
  for (int i = 0; i < kSettlingChecks && !examination.is_settled(); ++i) {
    std::this_thread::sleep_for(Milliseconds(10));
  }
  for (std::string line; std::getline(file, line);) {
    const auto question = json::Document::parse(line);
    if (question) examination.ask(question.value().root());
  }
  const Totals& all = examination.totals();
  fmt::print(
      "{{\"data\":{},\"answerable\":{},\"answered_share\":{:.3f},\"hedged_share\":{:.3f},"
      "\"unanswerable\":{},\"trapped_share\":{:.3f},\"trapped_hedged_share\":{:.3f},"
      "\"invented_share\":{:.3f},\"honest_share\":{:.3f},"
      "\"invented_of_all\":{},\"failed\":{}}}\n",
      json::quoted(data), all.answerable, share(all.answered, all.answerable),
      share(all.hedged, all.answerable), all.unanswerable, share(all.trapped, all.unanswerable),
      share(all.trapped_hedged, all.unanswerable), share(all.invented, all.unanswerable),
      share(all.honest, all.unanswerable), all.invented_of_all, all.failed);
  return all.failed == 0 && all.answerable + all.unanswerable > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::string data = "bench/data/questions_tuning.jsonl";
  std::map<std::string, std::string> extra;
  bool show = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--show") == 0) {
      show = true;
    } else if (i + 1 < argc && std::strcmp(argv[i], "--data") == 0) {
      data = argv[++i];
    } else if (i + 1 < argc && std::strcmp(argv[i], "--hits") == 0) {
      extra["router"] = fmt::format(R"("knowledge_hits":{})", std::atoi(argv[++i]));
    } else {
      fmt::print(stderr, "usage: questions [--data FILE] [--hits N] [--show]\n");
      return 2;
    }
  }
  return run(data, extra, show);
}
