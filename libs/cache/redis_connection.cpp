#include "cache/redis_connection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <poll.h>

#include <cerrno>
#include <cstring>

#include "base/clock.h"
#include "retry/policy.h"

namespace cache {
namespace {

using Reply = RedisConnection::Reply;

SteadyTime now() { return SystemClock::instance().now(); }

timeval timeval_of(Milliseconds time) {
  return {.tv_sec = time.count() / 1000, .tv_usec = time.count() % 1000 * 1000};
}

// Nothing when it is of a type that none of our commands is answered by.
bool read_reply(const redisReply& from, Reply& to) {
  switch (from.type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
      to = {Reply::Kind::Text, std::string(from.str, from.len), 0};
      return true;
    case REDIS_REPLY_ERROR:
      to = {Reply::Kind::Refused, std::string(from.str, from.len), 0};
      return true;
    case REDIS_REPLY_INTEGER:
      to = {Reply::Kind::Number, {}, from.integer};
      return true;
    case REDIS_REPLY_NIL:
      to = {Reply::Kind::Nil, {}, 0};
      return true;
    default:
      return false;
  }
}

struct FreeReply {
  void operator()(void* reply) const { freeReplyObject(reply); }
};

}  // namespace

void RedisConnection::Free::operator()(redisContext* context) const { redisFree(context); }

Result<std::unique_ptr<RedisConnection>> RedisConnection::open(const RedisAddress& address,
                                                               Milliseconds timeout) {
  redisContext* const context =
      address.host.empty()
          ? redisConnectUnixWithTimeout(address.path.c_str(), timeval_of(timeout))
          : redisConnectWithTimeout(address.host.c_str(), address.port, timeval_of(timeout));
  if (context == nullptr) return Error{Code::Unavailable, "no memory for a connection"};
  auto connection = std::unique_ptr<RedisConnection>(new RedisConnection(context));
  if (context->err != 0) return Error{Code::Unavailable, std::string(context->errstr)};
  // From here on we wait ourselves: hiredis' own time-out begins anew with every byte that comes.
  if (fcntl(context->fd, F_SETFL, fcntl(context->fd, F_GETFL) | O_NONBLOCK) != 0) {
    return Error{Code::Unavailable, "the socket cannot be made non-blocking"};
  }
  context->flags &= ~REDIS_BLOCK;
  TRY(connection->log_in(address, timeout));
  return connection;
}

Result<void> RedisConnection::log_in(const RedisAddress& address, Milliseconds timeout) {
  std::vector<Command> commands;
  if (!address.password.empty()) {
    Command& command = commands.emplace_back(Command{"AUTH"});
    if (!address.user.empty()) command.emplace_back(address.user);
    command.emplace_back(address.password);
  }
  const std::string database = std::to_string(address.database);
  if (address.database != 0) commands.push_back({"SELECT", database});
  if (commands.empty()) return {};
  for (const Reply& reply : TRY(exchange(commands, timeout))) {
    if (reply.kind == Reply::Kind::Refused) return Error{Code::PermissionDenied, reply.text};
  }
  return {};
}

Result<std::vector<Reply>> RedisConnection::exchange(const std::vector<Command>& commands,
                                                     Milliseconds timeout) {
  std::vector<const char*> words;
  std::vector<std::size_t> lengths;
  for (const Command& command : commands) {
    words.clear();
    lengths.clear();
    for (const std::string_view word : command) {
      words.push_back(word.data());
      lengths.push_back(word.size());
    }
    redisAppendCommandArgv(context_.get(), static_cast<int>(command.size()), words.data(),
                           lengths.data());
  }
  const SteadyTime deadline = now() + timeout;
  std::vector<Reply> replies;
  replies.reserve(commands.size());
  int written = 0;
  while (true) {
    if (written == 0 && redisBufferWrite(context_.get(), &written) != REDIS_OK) {
      return Error{Code::Unavailable, std::string(context_->errstr)};
    }
    TRY(read(replies, commands.size()));
    if (replies.size() == commands.size()) {
      if (context_->reader->pos == context_->reader->len) return replies;
      // It would be taken for the reply to the next command, and that one's for the one after it.
      return Error{Code::DataLoss, "more replies than commands"};
    }
    TRY(wait(written == 0, deadline));
    if (redisBufferRead(context_.get()) != REDIS_OK) {
      return Error{Code::Unavailable, std::string(context_->errstr)};
    }
  }
}

// Takes what has come as a whole.
Result<void> RedisConnection::read(std::vector<Reply>& replies, std::size_t expected) {
  while (replies.size() < expected) {
    void* raw = nullptr;
    if (redisGetReplyFromReader(context_.get(), &raw) != REDIS_OK) {
      return Error{Code::DataLoss, std::string(context_->errstr)};
    }
    if (raw == nullptr) break;
    const std::unique_ptr<void, FreeReply> owned(raw);
    if (!read_reply(*static_cast<const redisReply*>(raw), replies.emplace_back())) {
      return Error{Code::DataLoss, "a reply of another type than asked for"};
    }
  }
  if (context_->reader->len - context_->reader->pos > kReplyBytesMax) {
    return Error{Code::TooLarge, "a reply larger than any value that is written"};
  }
  return {};
}

Result<void> RedisConnection::wait(bool to_write, SteadyTime deadline) const {
  const Milliseconds left = retry::remaining(now(), deadline);
  pollfd ready{context_->fd, static_cast<short>(to_write ? POLLIN | POLLOUT : POLLIN), 0};
  const int count = left.count() == 0 ? 0 : poll(&ready, 1, static_cast<int>(left.count()));
  if (count < 0 && errno != EINTR) return Error{Code::Unavailable, std::strerror(errno)};
  if (count == 0) return Error{Code::DeadlineExceeded, "no answer in time"};
  return {};
}

}  // namespace cache
