#include <filesystem>
#include <string>

#include "base/clock.h"
#include "crawler/address.h"
#include "crawler/config.h"
#include "crawler/robots.h"
#include "crawler/routes.h"
#include "crawler/worker.h"
#include "net/net.h"
#include "runtime/runtime.h"
#include "store/store.h"

namespace {

constexpr Milliseconds kRetrieverTimeout{30'000};

// The retriever, over RPC.
class RetrieverShelf final : public crawler::Shelf {
 public:
  explicit RetrieverShelf(messaging::Client client) : client_(std::move(client)) {}

  Result<contracts::AddedDocument> add(const contracts::AddDocument& document) override {
    return client_.call<contracts::AddedDocument>("retriever.add", document, options());
  }
  Result<void> remove(const std::string& id) override {
    TRY(client_.call<contracts::DeletedDocument>("retriever.delete", contracts::DeleteDocument{id},
                                                 options()));
    return {};
  }
  Result<bool> has(const std::string& id) override {
    const auto found = client_.call<contracts::StoredDocument>(
        "retriever.document", contracts::GetDocument{id}, options());
    if (!found && found.error().code == Code::NotFound) return false;
    if (!found) return found.error();
    return true;
  }

 private:
  static messaging::CallOptions options() {
    return {.deadline = SystemClock::instance().now() + kRetrieverTimeout};
  }

  messaging::Client client_;
};

std::string program_beside_this() {
  std::error_code failed;
  return (std::filesystem::read_symlink("/proc/self/exe", failed).parent_path() / "crawler-extract")
      .string();
}

crawler::Crew::Options crew_options(const crawler::Config& config) {
  crawler::Crew::Options options;
  options.threads = config.crawlers;
  options.page_bytes_max = static_cast<std::size_t>(config.page_kib) * 1024;
  options.file_bytes_max = static_cast<std::size_t>(config.file_kib) * 1024;
  options.walk.files_max = static_cast<std::size_t>(config.files_max);
  options.retry.attempts_max = config.attempts;
  options.retry.base = Milliseconds(config.retry_base_ms);
  return options;
}

crawler::Manners::Options manners_options(const crawler::Config& config) {
  crawler::Manners::Options options;
  options.agent = config.user_agent.substr(0, config.user_agent.find_first_of("/ "));
  options.delay = Milliseconds(config.pace_ms);
  options.crawl_delay_max = Milliseconds(config.crawl_delay_max_ms);
  return options;
}

crawler::Manners::FetchRobots robots_of(crawler::Fetcher& fetcher) {
  // Twice what is read of one: what is longer yet is nothing to be obeyed in part.
  return [&fetcher](const crawler::Url& url,
                    const std::stop_token& stop) -> Result<crawler::Manners::Answer> {
    auto fetched = TRY(fetcher.fetch({url, {}, {}, 2 * crawler::Robots::kBytesMax}, {}, stop));
    return crawler::Manners::Answer{fetched.status, std::move(fetched.body)};
  };
}

std::string outcome_word(crawler::Ending::Kind kind) {
  switch (kind) {
    case crawler::Ending::Kind::Given:
      return "given";
    case crawler::Ending::Kind::Unchanged:
      return "unchanged";
    case crawler::Ending::Kind::Skipped:
      return "skipped";
    case crawler::Ending::Kind::Failed:
      return "failed";
  }
  return "failed";
}

Result<void> serve(runtime::Process& process, const crawler::Config& config) {
  const Clock& clock = SystemClock::instance();
  const std::string folder = TRY(process.data_dir());
  const auto allowed = TRY(crawler::AllowedPlaces::parse(config.allow_private));
  const auto roots = TRY(crawler::Roots::open(
      config.roots.empty() ? process.settings().data + "/knowledge" : config.roots));
  store::Database::Options file;
  file.path = folder + "/queue.db";
  file.grade = store::Grade::PowerSafe;
  file.migrations = {crawler::Queue::schema()};
  file.readers = 4;
  const auto database = TRY(store::Database::open(std::move(file)));
  const auto queue = TRY(crawler::Queue::open({.lease_ms = config.lease_ms}, *database, clock));
  RetrieverShelf shelf(process.client("retriever", runtime::Process::Need::Optional));
  crawler::Library library(shelf, *database);
  crawler::Extractor extractor(
      {config.extract_program.empty() ? program_beside_this() : config.extract_program,
       Milliseconds(config.extract_timeout_ms)});
  net::Loop loop;
  crawler::Fetcher fetcher(
      loop, {config.user_agent, allowed, Milliseconds(config.fetch_timeout_ms), 5, config.ca_file});
  crawler::Pacer pacer(clock);
  crawler::Manners manners(manners_options(config), pacer, robots_of(fetcher), clock);
  telemetry::Metrics& metrics = process.metrics();
  const crawler::Crew crew(
      crew_options(config), {*queue, library, fetcher, manners, pacer, extractor, roots},
      [&metrics](crawler::Task task, crawler::Ending::Kind kind) {
        if (task != crawler::Task::Page && task != crawler::Task::File) return;
        metrics
            .counter("troupe_crawler_pieces_total", "Pages and files that ended, by how",
                     {{"outcome", outcome_word(kind)}})
            .add();
      });
  crawler::install_routes(process.doors(), {*queue, library, extractor, roots, allowed}, metrics);
  return process.run(
      crawler::listen_for_uploads(static_cast<std::size_t>(config.file_kib) * 1024 + 4096));
}

}  // namespace

int main(int argc, char** argv) {
  return runtime::main<crawler::Config>("crawler", argc, argv, serve);
}
