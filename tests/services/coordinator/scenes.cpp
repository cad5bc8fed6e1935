#include "services/coordinator/scenes.h"

#include <algorithm>

#include "base/ids.h"

namespace coordinator {
namespace {

struct Said {
  const char* text;
  bool open_question = false;
};

constexpr Said kSaid[] = {
    {"Hello!"},
    {"What should we do tonight?", true},
    {"I had a long day at work."},
    {"Peter, are you hungry?"},
    {"I am reading a good book."},
    {"Does anybody know the way to the harbor?", true},
    {"The bus was late."},
    {"Brian, how is the novel?"},
    {"Let us have a beer."},
    {"Stewie, what is your plan?"},
    {"Why is the sky blue?", true},
    {"My sister visits me tomorrow."},
    {"Who wants to watch tv?", true},
    {"You guys are funny."},
    {"It rains."},
    {"I think politics is boring."},
    {"How does a time machine work?", true},
    {"ok"},
    {"Tell me a joke, Petey!"},
    {"What do you all think of jazz?", true},
};

}  // namespace

Liveness live(const std::vector<contracts::Character>& cast, int scenes) {
  constexpr int kLines = 5;
  Theatre theatre(cast);
  Liveness result{.scenes = scenes};
  for (int scene = 0; scene < scenes; ++scene) {
    Random random(static_cast<std::uint64_t>(scene));
    const auto says = [&](const std::string& id) -> std::string {
      const auto who = std::find_if(cast.begin(), cast.end(),
                                    [&](const auto& character) { return character.id == id; });
      return who->examples.empty() ? "Hm." : who->examples[random.below(who->examples.size())];
    };
    const std::string channel = "scene" + std::to_string(scene);
    for (int line = 0; line < kLines; ++line) {
      const Said& said = kSaid[random.below(std::size(kSaid))];
      const std::string author = scene % 2 == 1 && random.below(2) == 1 ? "bob" : "ann";
      const int lines =
          theatre.play(channel, {author, said.text, contracts::Kind::Human, std::nullopt}, says);
      ++result.people_lines;
      result.bot_lines += lines;
      result.bot_lines_most = std::max(result.bot_lines_most, lines);
      result.questions += said.open_question ? 1 : 0;
      result.unanswered += said.open_question && lines == 0 ? 1 : 0;
      result.talks += lines > 1 ? 1 : 0;
    }
  }
  return result;
}

}  // namespace coordinator
