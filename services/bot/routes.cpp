#include "bot/routes.h"

#include <utility>

#include "contracts/bot.h"

namespace bot {

void install_routes(runtime::Doors& doors, Bot& bot, const Home& home, const Silences& silences) {
  using runtime::Get;
  using runtime::Post;
  doors.async_method<contracts::SpeakRequest, contracts::SpeakReply>(
      "bot.speak", Post("/organic-message", "Posts a line that nobody asked for, once a turn"),
      [&bot, home](contracts::SpeakRequest line, const runtime::Call&,
                   runtime::Answer<contracts::SpeakReply> answer) {
        home([&bot, line = std::move(line), answer = std::move(answer)] {
          bot.speak(line, answer);
        });
      });
  doors.quick_method<contracts::Empty, contracts::Silences>(
      "bot.silences", Get("/silences", "Why the character did not speak, the latest first"),
      [&silences](const contracts::Empty&) -> Result<contracts::Silences> {
        return silences.list();
      });
}

}  // namespace bot
