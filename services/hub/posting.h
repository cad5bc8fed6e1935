#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "hub/attachments.h"
#include "hub/multipart.h"
#include "hub/rest.h"

namespace hub {

// What somebody wants to say, by whatever door it came.
struct Post {
  Snowflake channel = 0;
  Snowflake author = 0;  // a user, or a webhook
  UserForm face{};
  PostForm form{};
  std::vector<File> files{};
  std::uint64_t permissions = 0;  // of the author in the channel
  bool webhook = false;           // mentions users only unless told
  int flags = 0;                  // beside those that anybody may ask for
  int type = discord::message_type::kDefault;
  std::optional<std::string> application_id{};
  std::optional<json::Text> interaction_metadata{};
};

// Makes messages of what is posted: checks the form, finds who is mentioned, recognises a repeated
// nonce, has it kept and tells everybody. Lives on the loop's thread; `done` runs there.
class Poster {
 public:
  struct Options {
    Milliseconds nonces{300'000};
    std::size_t nonces_max = 20'000;
    std::size_t files_bytes_max = 8 * 1024 * 1024;
    std::string url{};  // of the attachments
  };
  Poster(const Stage& stage, Attachments& attachments, Options options)
      : stage_(stage), attachments_(attachments), options_(std::move(options)) {}

  const Options& options() const { return options_; }
  void set_url(std::string url) { options_.url = std::move(url); }
  // At the start: a nonce that was used shortly before.
  void remember(Snowflake author, const std::string& nonce, Snowflake message);

  void post(Post post, Done<Said> done);
  // The message without a place in the archive, such as an ephemeral one.
  Outcome<MessageForm> compose(const Post& post);
  // Edits what `author` wrote.
  void edit(const Channel& channel, Snowflake message, Snowflake author, bool webhook,
            std::uint64_t permissions, const PostForm& form, Done<Said> done);
  void remove(const Channel& channel, Snowflake message, Snowflake own, Done<Nothing> done);
  // All that was said in a channel which `changes` take from the world.
  void remove_channel(Snowflake channel, std::vector<Change> changes, Done<Nothing> done);

 private:
  struct Nonce {
    Snowflake message = 0;  // 0: on its way
    SteadyTime since{};
    std::vector<Done<Said>> waiting{};
  };
  struct Mentions {
    std::vector<UserForm> users;
    std::vector<std::string> roles;
    bool everyone = false;
    bool replied = false;
  };

  std::optional<Refusal> check(const Post& post) const;
  Mentions mentions(const Post& post) const;
  void keep_files(std::shared_ptr<Draft> draft, std::vector<File> files, Done<Said> done);
  void forget_files(std::vector<Snowflake> ids);
  void insert(Draft draft, Done<Said> done);
  void announce(std::string_view name, const Channel& channel, const Said& said,
                std::string_view more);
  bool repeated(const std::string& key, Snowflake channel, Snowflake author, Done<Said>& done);
  void forget_nonces();

  const Stage& stage_;
  Attachments& attachments_;
  Options options_;
  std::unordered_map<std::string, Nonce> nonces_;
  std::deque<std::pair<SteadyTime, std::string>> nonce_ages_;
};

// The form and the files of a body, JSON or multipart; has refused when there is nothing.
std::optional<PostForm> read_post(const Call& call, std::size_t files_bytes_max,
                                  std::vector<File>& files);

}  // namespace hub
