#pragma once

#include <memory>
#include <optional>
#include <string>

#include "http/http.h"
#include "llm/chain.h"
#include "llm/dialect.h"

namespace llm {

// What every answer says of itself beside its body.
http::Headers told_headers(const std::string& request_id, const Speaker& speaker);

// Answers with a body that is whole.
void tell_whole(http::Reply& reply, const std::string& request_id, std::string body,
                const Speaker& speaker);

// The id that an answer has in its body.
std::string answer_id(std::string request_id);

// Tells an answer to a client that speaks a dialect, whole or as a stream. On
// the loop's thread.
class HttpAnswer final : public Audience {
 public:
  HttpAnswer(std::shared_ptr<http::Reply> reply, const Asked& asked, std::string request_id);

  void begin(const Speaker& speaker) override;
  void delta(const talk::Delta& delta) override;
  bool flush() override;
  bool pass(std::string_view bytes) override;
  void answer(std::string body, const Speaker& speaker) override;
  void done(const talk::Completion& completion, const Speaker& speaker) override;
  void failed(const talk::Refusal& refusal, const Speaker& speaker) override;

 private:
  talk::Stamp stamp(const Speaker& speaker) const;
  void make_writer(const Speaker& speaker);

  const std::shared_ptr<http::Reply> reply_;
  const talk::Dialect& dialect_;
  const bool stream_;
  const bool include_usage_;
  const std::string request_id_;
  std::unique_ptr<talk::StreamWriter> writer_;  // of a translated stream
  std::string out_;                             // what it has written and flush() has not sent
  bool begun_ = false;
  bool passed_ = false;  // the provider's own bytes are on their way
};

}  // namespace llm
