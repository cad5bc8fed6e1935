#include "net/outbox.h"

#include <utility>

#include "net/wire.h"

namespace net {

class Outbox::Handle final : public http::Reply {
 public:
  Handle(std::shared_ptr<Outbox> outbox, std::uint64_t turn)
      : outbox_(std::move(outbox)), turn_(turn) {}
  ~Handle() override { outbox_->drop(turn_); }

  void respond(http::Response response) override { outbox_->respond(turn_, std::move(response)); }
  void begin(int status, http::Headers headers) override {
    outbox_->begin(turn_, status, std::move(headers));
  }
  bool write(std::string chunk) override { return outbox_->write(turn_, chunk); }
  void end(Ending ending) override { outbox_->end(turn_, ending); }
  bool gone() const override { return outbox_->is_gone(turn_); }
  void on_gone(std::function<void()> callback) override {
    outbox_->on_gone(turn_, std::move(callback));
  }

 private:
  std::shared_ptr<Outbox> outbox_;
  std::uint64_t turn_;
};

std::shared_ptr<http::Reply> Outbox::open(Form form) {
  const std::lock_guard lock(mutex_);
  ++turn_;
  form_ = form;
  stage_ = Stage::Waiting;
  head_ready_ = streamed_ = cut_ = gone_ = false;
  queue_.clear();
  taken_bytes_ = 0;
  return std::make_shared<Handle>(shared_from_this(), turn_);
}

Outbox::Batch Outbox::take(std::string& bytes) {
  const std::lock_guard lock(mutex_);
  Batch batch;
  if (head_ready_) {
    head_ready_ = false;
    batch.has_head = true;
    batch.head = std::move(head_);
  }
  batch.streamed = streamed_;
  batch.finished = stage_ == Stage::Done;
  batch.cut = cut_;
  // The two buffers change places, so that a long stream allocates nothing.
  bytes.clear();
  bytes.swap(queue_);
  taken_bytes_ = bytes.size();
  return batch;
}

void Outbox::close() {
  std::function<void()> unused;  // freed outside the lock: it may hold the last reply
  const std::lock_guard lock(mutex_);
  ++turn_;
  unused.swap(on_gone_);
}

void Outbox::gone() {
  std::function<void()> callback;
  {
    const std::lock_guard lock(mutex_);
    if (turn_ % 2 == 0 || gone_) return;
    gone_ = true;
    callback.swap(on_gone_);
  }
  try {
    if (callback) callback();
  } catch (...) {
    // Its caller is the loop, which goes on for the others.
  }
}

void Outbox::detach() {
  {
    const std::lock_guard lock(mutex_);
    carrier_ = nullptr;
  }
  gone();
}

void Outbox::respond(std::uint64_t turn, http::Response response) {
  const std::lock_guard lock(mutex_);
  if (turn != turn_ || stage_ != Stage::Waiting) return;
  stage_ = Stage::Done;
  queue_ = std::move(response.body);
  head_ = std::move(response);
  head_ready_ = true;
  wake();
}

void Outbox::begin(std::uint64_t turn, int status, http::Headers headers) {
  const std::lock_guard lock(mutex_);
  if (turn != turn_ || stage_ != Stage::Waiting) return;
  stage_ = Stage::Streaming;
  streamed_ = true;
  if (status == 204 || status == 304) form_.head_only = true;
  head_ = {status, std::move(headers), {}};
  head_ready_ = true;
  if (carrier_ != nullptr) carrier_->hasten();
}

bool Outbox::write(std::uint64_t turn, std::string_view chunk) {
  const std::lock_guard lock(mutex_);
  if (turn != turn_ || stage_ != Stage::Streaming || gone_ || carrier_ == nullptr) return false;
  // An empty chunk would read as the last one.
  if (chunk.empty() || form_.head_only) return true;
  const std::size_t unsent = queue_.size() + taken_bytes_;
  // Into an empty queue anything goes: the producer holds those bytes anyway, and no stream of
  // large pieces is refused for its shape.
  if (unsent > 0 && unsent + chunk.size() > queue_bytes_max_) {
    stage_ = Stage::Done;
    cut_ = true;
    carrier_->abort();
    return false;
  }
  if (form_.chunked) {
    append_chunk(queue_, chunk);
  } else {
    queue_.append(chunk);
  }
  wake();
  return true;
}

void Outbox::end(std::uint64_t turn, http::Reply::Ending ending) {
  const std::lock_guard lock(mutex_);
  if (turn != turn_ || stage_ != Stage::Streaming) return;
  stage_ = Stage::Done;
  cut_ = ending == http::Reply::Ending::Cut;
  if (!cut_ && form_.chunked && !form_.head_only) queue_.append(kLastChunk);
  wake();
}

bool Outbox::is_gone(std::uint64_t turn) const {
  const std::lock_guard lock(mutex_);
  return turn == turn_ && gone_;
}

void Outbox::on_gone(std::uint64_t turn, std::function<void()> callback) {
  std::function<void()> unused;
  {
    const std::lock_guard lock(mutex_);
    if (turn != turn_) return;
    if (!gone_) {
      unused = std::exchange(on_gone_, std::move(callback));
      return;
    }
  }
  callback();
}

void Outbox::drop(std::uint64_t turn) {
  {
    const std::lock_guard lock(mutex_);
    if (turn != turn_ || stage_ == Stage::Done) return;
  }
  respond(turn, http::Response::error({Code::Internal, "the request was dropped unanswered"}));
  end(turn, http::Reply::Ending::Cut);
}

}  // namespace net
