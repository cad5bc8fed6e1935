#pragma once

#include <cstddef>

// Limits that more than one part of Troupe must agree on.
namespace limits {

inline constexpr std::size_t kMessageBytes = 4000;           // one chat line, in and out
inline constexpr std::size_t kIdBytes = 64;                  // ids of channels, authors, messages
inline constexpr std::size_t kBodyBytes = 1024 * 1024;       // one request body at an operator door
inline constexpr std::size_t kFrameBytes = 4 * 1024 * 1024;  // one RPC frame
inline constexpr std::size_t kJsonDepth = 64;                // nesting of any JSON from outside
inline constexpr std::size_t kHistoryLines = 64;  // lines of a conversation in one message
inline constexpr std::size_t kRpcPathBytes = 80;  // an ipc:// socket path

}  // namespace limits
