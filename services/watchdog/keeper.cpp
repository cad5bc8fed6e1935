#include "watchdog/keeper.h"

#include <fmt/format.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace watchdog {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;
constexpr int kReadsARound = 4;     // so that one loud service does not delay the others
constexpr int kReadsAtTheEnd = 16;  // more than a pipe holds

}  // namespace

Result<std::unique_ptr<Keeper>> Keeper::open(Options options, std::vector<Program> programs,
                                             const Clock& clock, Supervisor::Report report,
                                             const Orphan& orphan) {
  std::map<std::string, LogFile> logs;
  for (const auto& program : programs) {
    auto log = TRY(LogFile::open(options.log_folder / (program.name + ".log"), options.log, clock));
    logs.emplace(program.name, std::move(log));
  }
  Descriptor wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (wake.number() < 0) {
    return Error(Code::Unavailable, fmt::format("cannot open an eventfd: {}", ::strerror(errno)));
  }
  Children children(options.children_file);
  children.end_orphans(options.orphan_patience, orphan);
  prune_logs(options.log_folder, options.log.kept, options.log.kept_bytes_max);
  return std::unique_ptr<Keeper>(new Keeper(options, std::move(programs), std::move(logs),
                                            std::move(children), std::move(wake), clock,
                                            std::move(report)));
}

Keeper::Keeper(const Options& options, std::vector<Program> programs,
               std::map<std::string, LogFile> logs, Children children, Descriptor wake,
               const Clock& clock, Supervisor::Report report)
    : clock_(clock),
      logs_(std::move(logs)),
      wake_(std::move(wake)),
      children_(std::move(children)),
      supervisor_(options.supervisor, std::move(programs), *this, clock, std::move(report)),
      buffer_(kReadBytes, '\0') {
  publish();
}

// What has been given up is not waited for.
Keeper::~Keeper() {
  if (!supervisor_.drained()) return;
  for (auto& [pid, running] : running_) running.process.abandon();
}

void Keeper::run() {
  supervisor_.start();
  while (true) {
    obey();
    supervisor_.on_time();
    publish();
    if (supervisor_.drained()) return;
    wait();
    collect();
  }
}

void Keeper::drain() {
  ++stops_asked_;
  wake();
}

void Keeper::end_frozen(pid_t pid, std::string why) {
  {
    const std::lock_guard lock(mutex_);
    frozen_[pid] = std::move(why);
  }
  wake();
}

void Keeper::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_.number(), &one, sizeof one);
}

std::vector<contracts::ServiceStatus> Keeper::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void Keeper::publish() {
  auto status = supervisor_.status();
  const std::lock_guard lock(mutex_);
  status_ = std::move(status);
}

std::variant<pid_t, Exit> Keeper::launch(const Program& program) {
  auto launched = Process::launch(program);
  if (const auto* failed = std::get_if<Exit>(&launched)) return *failed;
  auto& process = std::get<Process>(launched);
  const pid_t pid = process.pid();
  auto& log = logs_.at(program.name);
  log.begin();
  running_.emplace(pid, Running{std::move(process), log});
  children_.add(pid, program.name);
  return pid;
}

void Keeper::signal(pid_t pid, int signal) {
  if (const auto found = running_.find(pid); found != running_.end()) {
    found->second.process.signal(signal);
  }
}

int Keeper::timeout_ms() const {
  const auto next = supervisor_.next_time();
  if (!next) return -1;
  const auto left = std::chrono::ceil<Milliseconds>(*next - clock_.now());
  return static_cast<int>(std::clamp<Milliseconds::rep>(left.count(), 0, 60'000));
}

void Keeper::wait() const {
  std::vector<pollfd> polled{{wake_.number(), POLLIN, 0}};
  for (const auto& [pid, running] : running_) {
    polled.push_back({running.process.end_fd(), POLLIN, 0});
    // poll(2) passes over the negative number of an output that has ended.
    polled.push_back({running.process.output_fd(), POLLIN, 0});
  }
  // An interruption is one more look around.
  ::poll(polled.data(), polled.size(), timeout_ms());
}

void Keeper::obey() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto taken = ::read(wake_.number(), &count, sizeof count);
  std::map<pid_t, std::string> frozen;
  {
    const std::lock_guard lock(mutex_);
    frozen.swap(frozen_);
  }
  for (const auto& [pid, why] : frozen) supervisor_.on_frozen(pid, why);
  const int asked = stops_asked_;
  if (asked > 0 && stops_obeyed_ == 0) supervisor_.drain();
  if (asked > 1 && stops_obeyed_ < 2) supervisor_.kill();
  stops_obeyed_ = std::min(asked, 2);
}

void Keeper::copy_output(Running& running, int reads_max) {
  for (int reads = 0; reads < reads_max; ++reads) {
    const auto piece = running.process.read(buffer_);
    if (piece.empty()) return;
    running.log.write(piece);
  }
}

void Keeper::collect() {
  // First all that ended, then the consequences: these may signal others that are still here.
  std::vector<std::pair<pid_t, Exit>> ended;
  for (auto& [pid, running] : running_) {
    copy_output(running, kReadsARound);
    if (const auto exit = running.process.reap()) {
      copy_output(running, kReadsAtTheEnd);
      running.log.finish();
      ended.emplace_back(pid, *exit);
    }
  }
  for (const auto& [pid, exit] : ended) {
    const std::string last_line = running_.at(pid).log.last_line();
    running_.erase(pid);
    children_.remove(pid);
    supervisor_.on_exit(pid, exit, last_line);
  }
}

}  // namespace watchdog
