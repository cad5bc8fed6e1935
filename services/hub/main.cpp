#include <filesystem>
#include <future>
#include <latch>
#include <thread>

#include "crypto/crypto.h"
#include "hub/accounts.h"
#include "hub/archive.h"
#include "hub/config.h"
#include "hub/front.h"
#include "hub/gateway.h"
#include "hub/routes.h"
#include "hub/stage_news.h"
#include "net/net.h"
#include "runtime/runtime.h"
#include "telemetry/log.h"

namespace {

constexpr std::size_t kReaders = 2;
constexpr std::size_t kReadersQueue = 2048;
constexpr std::size_t kFormBytes = 512 * 1024;  // of a body beside its files

const std::vector<hub::CastMember> kCast = {
    {"peter", "Peter"}, {"brian", "Brian"}, {"stewie", "Stewie"}};

hub::Buckets::Options bucket_options(const hub::Config& config) {
  hub::Buckets::Options options;
  options.messages = config.message_limit;
  options.messages_window = Milliseconds(config.message_window_ms);
  options.others = config.route_limit;
  options.others_window = Milliseconds(config.route_window_ms);
  options.global_per_second = config.global_per_second;
  options.people_factor = config.people_factor;
  return options;
}

hub::Gateway::Options gateway_options(const hub::Config& config) {
  hub::Gateway::Options options;
  options.rules.heartbeat = Milliseconds(config.heartbeat_ms);
  // Who beats as often as it is asked to has as much room for the rest as anybody.
  options.rules.commands_per_minute += 60'000 / config.heartbeat_ms;
  options.rules.resume_window = Milliseconds(config.resume_window_ms);
  options.rules.connections_max = static_cast<std::size_t>(config.connections);
  options.rules.sessions_max = static_cast<std::size_t>(config.connections) * 2;
  return options;
}

// Keeps what everything else builds on: without it there is no start.
Result<void> keep_now(hub::Archive& archive, std::vector<hub::Change> changes) {
  std::optional<std::string> lost;
  archive.keep(std::move(changes), [&](const hub::Outcome<hub::Nothing>& kept) {
    if (!kept) lost = kept.why.message;
  });
  archive.flush();
  if (lost) return Error{Code::Unavailable, fmt::format("hub.db: {}", *lost)};
  return {};
}

// The key that attachments are signed with; made once.
Result<std::string> signing_key(hub::Archive& archive, const std::vector<hub::Change>& kept) {
  for (const hub::Change& one : kept) {
    if (one.kind == "key") return one.data;
  }
  std::string key = crypto::random_token();
  TRY(keep_now(archive, {{"key", "attachments", key}}));
  return key;
}

// What the archive has, or at the first start a new world.
Result<std::vector<hub::Change>> fill(hub::World& world, const hub::Archive& archive,
                                      const hub::Config& config) {
  auto kept = TRY(archive.load());
  for (const hub::Change& one : kept) TRY(world.load(one));
  for (const auto& [channel, message] : TRY(archive.last_messages())) world.said(channel, message);
  world.take_changes();
  hub::seed(world, kCast, config.person, SystemClock::instance().wall_ms());
  return kept;
}

std::string page_directory(const hub::Config& config) {
  if (!config.page.empty()) return config.page;
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  return (program.parent_path().parent_path() / "share/troupe/page").string();
}

void on_loop(net::Loop& loop, const std::function<void()>& task) {
  std::promise<void> done;
  loop.post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

// Returns when what was asked of them before is done: every thread of theirs is here.
void wait_for(runtime::WorkerPool& readers) {
  const auto all = std::make_shared<std::latch>(static_cast<std::ptrdiff_t>(kReaders));
  for (std::size_t i = 0; i < kReaders; ++i) {
    while (!readers.post([all] { all->arrive_and_wait(); })) std::this_thread::yield();
  }
  all->wait();
}

Result<void> serve(runtime::Process& process, const hub::Config& config) {
  const Clock& clock = SystemClock::instance();
  const std::string data = TRY(process.data_dir());
  net::Loop loop;
  const auto archive = TRY(hub::Archive::open(data + "/hub.db"));
  hub::World world(clock, config.privileged_intents ? discord::intent::kAll : 0);
  const auto kept = TRY(fill(world, *archive, config));
  const auto accounts = TRY(hub::Accounts::open(world, data + "/tokens.json"));
  TRY(keep_now(*archive, world.take_changes()));
  const std::string key = TRY(signing_key(*archive, kept));
  const auto attachments = TRY(
      hub::Attachments::open({data + "/attachments", key,
                              static_cast<std::int64_t>(config.attachments_mib) * 1024 * 1024}));

  attachments->sweep(TRY(archive->files()));

  // After what they read, so that they end before it.
  runtime::WorkerPool readers(kReaders, kReadersQueue);
  auto gateway =
      std::make_unique<hub::Gateway>(loop, world, gateway_options(config), process.metrics());
  world.watch(*gateway);
  const hub::Stage stage{loop, world, *archive, *gateway, readers, clock};
  hub::Rest rest(world, hub::Buckets(bucket_options(config), clock));
  hub::Poster::Options posting;
  posting.nonces = Milliseconds(config.nonce_ms);
  posting.files_bytes_max = static_cast<std::size_t>(config.attachment_kib) * 1024;
  hub::Poster poster(stage, *attachments, posting);
  for (const auto& one :
       TRY(archive->recent_nonces(hub::first_of(clock.wall_ms() - config.nonce_ms)))) {
    poster.remember(one.author, one.nonce, one.id);
  }
  hub::Front front(stage, config, accounts, *attachments,
                   TRY(hub::PageFiles::read(page_directory(config))));
  front.on_renewed([&gateway](hub::Snowflake bot) {
    gateway->disconnect(bot, discord::close_code::kAuthenticationFailed);
  });
  front.install(rest);
  front.install(process.doors());
  hub::install_messages(rest, stage, poster);
  hub::install_reactions(rest, stage);
  hub::install_places(rest, stage, poster);
  auto interactions = std::make_unique<hub::Interactions>(
      stage, poster,
      hub::Interactions::Options{.respond_within = Milliseconds(config.interaction_ms)});
  hub::install_webhooks(rest, stage, poster, *interactions);
  hub::install_commands(rest, stage, *interactions);
  hub::StageNews news(stage, process);
  news.install(rest);

  const auto ended =
      process.run([&](http::ServerOptions options,
                      http::Handler others) -> Result<std::unique_ptr<http::Server>> {
        options.limits.connections = static_cast<std::size_t>(config.connections);
        options.limits.body_bytes = posting.files_bytes_max + kFormBytes;
        auto server =
            TRY(net::listen(loop, std::move(options), front.handler(rest, std::move(others)),
                            {.tls = {}, .upgrade = gateway->upgrade()}));
        const std::string url =
            config.url.empty() ? fmt::format("http://127.0.0.1:{}", server->port()) : config.url;
        // Nobody can have asked yet: the address is not known to anybody.
        on_loop(loop, [&] {
          front.set_url(url);
          poster.set_url(url);
          gateway->set_url(front.gateway_url());
        });
        return server;
      });
  // What readers read and what is on its way to disk still refers to the parts above: it is over
  // before they go. What has timers goes on the loop, where nothing else runs meanwhile.
  wait_for(readers);
  on_loop(loop, [] {});
  archive->flush();
  on_loop(loop, [&] {
    interactions.reset();
    gateway.reset();
  });
  return ended;
}

}  // namespace

int main(int argc, char** argv) { return runtime::main<hub::Config>("hub", argc, argv, serve); }
