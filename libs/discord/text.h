#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The text of Discord messages: pure functions.
namespace discord {

// Cuts `text` into messages of at most `code_points_max` code points each: between paragraphs where
// it can, else sentences, else words, else anywhere but inside a character. A mention, link or
// custom emoji that fits into one message is never cut; a code fence that must be is closed and
// opened again with its language. Nothing but the white space at the cuts is lost. Blank: empty.
std::vector<std::string> split_message(std::string_view text, std::size_t code_points_max = 2000);

// `content` as a person reads it: mentions become "@name" by `user_name` (nothing: unknown) and
// "#channel" by `channel_name`, custom emoji ":name:", time stamps stay as they are.
std::string readable(
    std::string_view content,
    const std::function<std::optional<std::string>(std::string_view id)>& user_name,
    const std::function<std::optional<std::string>(std::string_view id)>& channel_name);

// Takes the power from @everyone, @here and <@...> in a text that a model has written: a zero-width
// space stands behind the @.
std::string without_mentions(std::string_view text);

}  // namespace discord
