#include "coordinator/hush.h"

namespace coordinator {
namespace {

bool polite(std::string_view word) { return one_of(word, {"please", "pls", "plz"}); }

// "no bots please", "bots, wait", "no more jokes from the bots"
bool bots_kept_out(const Reading& reading, std::size_t begin, std::size_t end) {
  bool bots = false;
  bool out = false;
  for (std::size_t i = begin; i < end; ++i) {
    const std::string_view word = reading.word(i);
    bots = bots || one_of(word, {"bot", "bots"});
    out = out || one_of(word, {"no", "stop", "wait", "hold", "off", "pause", "silent", "without"});
  }
  return bots && out;
}

// "quiet" as a wish, not as a quality: "be quiet", "quiet please", not "why so quiet?".
bool wishes_quiet(const Reading& reading, std::size_t i, std::size_t begin) {
  const std::string_view before = reading.word(i - 1);
  const std::string_view after = reading.word(i + 1);
  if (i > begin && one_of(before, {"be", "keep", "stay", "some"})) {
    return !one_of(reading.word(i - 2), {"to", "will", "would", "should", "cant", "always"});
  }
  const bool asked = polite(before) || polite(after) ||
                     one_of(after, {"time", "now", "down", "guys", "everyone", "everybody", "you"});
  return (asked && !auxiliary(before)) || (reading.parted(i) && reading.parted(i + 1));
}

bool forbids(const Reading& reading, std::size_t i, std::size_t begin) {
  const std::string_view before = reading.word(i - 1);
  const bool command = i == begin || reading.parted(i) || polite(before) ||
                       one_of(before, {"just", "guys", "everyone", "everybody"});
  return command && one_of(reading.word(i + 1), {"answer", "reply", "respond", "interrupt",
                                                 "comment", "talk", "speak", "say"});
}

bool hush_at(const Reading& reading, std::size_t i, std::size_t begin) {
  const std::string_view word = reading.word(i);
  const std::string_view before = i > begin ? reading.word(i - 1) : std::string_view();
  const std::string_view after = reading.word(i + 1);
  if (one_of(word, {"shush", "hush", "shh", "shhh", "shhhh", "ssh", "stfu"})) return true;
  if (word == "quiet") return wishes_quiet(reading, i, begin);
  if (word == "silence" && one_of(before, {"need", "want", "some"})) return true;
  if (word == "keep") return after == "it" && reading.word(i + 2) == "down";
  if (word == "not" && after == "now") return reading.parted(i) && reading.parted(i + 2);
  if (word == "enough")
    return i == begin && one_of(after, {"now", "already", "all", "you", "guys"});
  if (word == "silence") return i == begin && (reading.parted(i + 1) || polite(after));
  if (one_of(word, {"dont", "nobody", "never"})) return forbids(reading, i, begin);
  if (word == "no") {
    return one_of(after, {"replies", "comments", "answers", "responses", "interruptions", "chatter",
                          "reactions", "messages", "talking", "spam"}) ||
           (after == "more" && one_of(reading.word(i + 2), {"jokes", "comments", "talking"}));
  }
  // What follows is a command only where nobody does it: "he told me to shut up".
  if (one_of(before, {"i", "we", "he", "she", "it", "they"})) return false;
  if (before == "to" || before == "would") return false;
  if (word == "shut") {
    // "Shut up, that's amazing!"
    const bool amazed =
        one_of(reading.word(i + 2), {"thats", "that", "no", "really", "are", "you"});
    return after == "it" || (after == "up" && !amazed);
  }
  if (word == "pipe" || word == "settle") return after == "down";
  if (word == "zip" || word == "button") return after == "it";
  if (word == "stop") {
    return one_of(after, {"talking", "chatting", "answering", "replying", "chattering", "posting",
                          "interrupting", "yapping", "commenting", "spamming"});
  }
  if (word == "stay") return after == "out" && reading.word(i + 2) == "of";
  if (word == "leave") {
    return after == "us" && one_of(reading.word(i + 2), {"alone", "be", "in"});
  }
  if (word == "give") {
    return after == "us" && reading.word(i + 2) == "a" &&
           one_of(reading.word(i + 3), {"minute", "moment", "sec", "second", "break", "bit"});
  }
  if (word != "let" || after != "us") return false;
  const bool who = one_of(reading.word(i + 2), {"humans", "people", "two", "guys"});
  return one_of(reading.word(i + (who ? 3 : 2)), {"talk", "be", "think"});
}

}  // namespace

bool hushes(const Reading& reading, std::size_t begin, std::size_t end) {
  if (bots_kept_out(reading, begin, end)) return true;
  for (std::size_t i = begin; i < end; ++i) {
    if (hush_at(reading, i, begin)) return true;
  }
  return false;
}

}  // namespace coordinator
