#pragma once

#include <map>
#include <memory>
#include <string>

#include "hub/posting.h"

namespace hub {

// Commands that people call and what the application answers ("Receiving and Responding to
// Interactions" of Discord's reference). An interaction and its ephemeral messages live in memory
// for as long as its token is valid: the hub's end ends them, and their callers ask anew. Lives on
// the loop's thread.
class Interactions {
 public:
  struct Options {
    Milliseconds respond_within{3'000};
    Milliseconds token_valid{900'000};
    std::size_t open_max = 2'000;  // beyond: refused
  };
  Interactions(const Stage& stage, Poster& poster, Options options)
      : stage_(stage), poster_(poster), options_(options) {}

  // POST /interactions, by a person.
  void call(const Call& call);
  // POST /interactions/{interaction}/{token}/callback.
  void respond(const Call& call);
  // Of /webhooks/{webhook}/{token}: false when the token is none of an interaction.
  bool follow_up(const Call& call);
  bool fetch(const Call& call);
  bool edit(const Call& call);
  bool erase(const Call& call);

 private:
  struct Interaction {
    Snowflake id = 0;
    Snowflake application = 0;
    Snowflake channel = 0;
    Snowflake invoker = 0;
    int command_type = 0;
    std::string name;
    std::string nonce;
    bool answered = false;
    bool waiting = false;    // deferred: the original is still to be filled in
    bool ephemeral = false;  // the original
    Snowflake original = 0;
    std::map<Snowflake, MessageForm> hidden;  // its ephemeral messages
    std::unique_ptr<net::Loop::Timer> timer;
  };
  using Shared = std::shared_ptr<Interaction>;

  Shared find(const Call& call) const;
  void announce_call(const Interaction& interaction, const std::string& token,
                     std::string_view data);
  void expire(const std::string& token);
  void unanswered(const std::string& token);
  Post post_of(const Interaction& interaction, PostForm form) const;
  void say(const Shared& interaction, Post post, int flags, bool original, Done<Said> done);
  void tell_hidden(std::string_view name, const Interaction& interaction, const MessageForm& form);
  void change(const Shared& interaction, Snowflake message, const PostForm& form, Done<Said> done);

  const Stage& stage_;
  Poster& poster_;
  Options options_;
  std::map<std::string, Shared> open_;  // by token
};

}  // namespace hub
