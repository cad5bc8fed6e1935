#include "crawler/worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "base/utf8.h"
#include "crawler/secrets.h"
#include "crypto/crypto.h"
#include "telemetry/log.h"

namespace crawler {
namespace {

// What was done to a piece differs from what is said of it only by the disk or the retriever.
constexpr std::string_view kLibrary = "knowledge base: ";

Error library_error(const Error& error) {
  return {Code::Unavailable, fmt::format("{}{}", kLibrary, error.message)};
}

bool of_library(const Error& error) { return error.message.starts_with(kLibrary); }

// Whether another try, later, may end better. One that took too long is no different from one that
// could not be reached.
bool worth_another(Code code) { return retryable(code) || code == Code::DeadlineExceeded; }

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

Ending ended(Ending::Kind kind, std::string reason = {}) {
  Ending ending;
  ending.kind = kind;
  ending.reason = std::move(reason);
  return ending;
}

// The links to pages of the same site, each once.
std::vector<Found> links_of(const Extracted& extracted, const Url& page, int depth) {
  std::vector<Found> found;
  std::set<std::string> seen;
  const auto base = extracted.base.empty() ? Result<Url>(page) : resolve(page, extracted.base);
  for (const auto& link : extracted.links) {
    const auto url = resolve(base ? base.value() : page, link);
    if (!url || url.value().origin() != page.origin()) continue;
    std::string text = url.value().text();
    if (seen.insert(text).second)
      found.push_back({Task::Page, std::move(text), page.origin(), depth});
  }
  return found;
}

std::string name_of(const Url& url) {
  const std::string path = url.target.substr(0, url.target.find('?'));
  const std::string name = path.substr(path.rfind('/') + 1);
  return name.empty() ? url.host : name;
}

}  // namespace

std::string print_of(std::string_view bytes, std::string_view title, std::string_view metadata) {
  return crypto::hex(crypto::sha256(
      fmt::format("{} {} {}{}{}", title.size(), metadata.size(), title, metadata, bytes)));
}

Crew::Crew(Options options, const Tools& tools, OnEnding on_ending)
    : options_(std::move(options)), tools_(tools), on_ending_(std::move(on_ending)) {
  for (int i = 0; i < options_.threads; ++i) {
    threads_.emplace_back(
        [this, i](const std::stop_token& stop) { work(stop, static_cast<std::uint64_t>(i) + 1); });
  }
}

void Crew::work(const std::stop_token& stop, std::uint64_t seed) {
  Random random(seed ^ static_cast<std::uint64_t>(SystemClock::instance().wall_ms()));
  while (!stop.stop_requested()) {
    const std::uint64_t seen = tools_.queue.version();
    const auto busy = tools_.pacer.busy();
    const auto item = tools_.queue.lease(busy.sites);
    if (!item) {
      telemetry::warn("the queue cannot be read", {{"why", item.error().message}});
      wait_until(SystemClock::instance().now() + Milliseconds(1000), stop);
    } else if (!item.value()) {
      tools_.queue.wait(seen, busy.first_free, stop);
    } else {
      settle(*item.value(), perform(*item.value(), stop), random, stop);
    }
  }
}

void Crew::settle(const Item& item, Result<Ending> outcome, Random& random,
                  const std::stop_token& stop) {
  if (!outcome && stop.stop_requested()) return;  // the lease is given back at the next start
  if (!outcome) {
    const Error& error = outcome.error();
    // A knowledge base that is away says nothing against the piece.
    if (of_library(error)) {
      const auto later = tools_.queue.postpone(item, options_.library_retry.count(), error.message,
                                               Queue::Attempt::DoesNotCount);
      if (!later) telemetry::warn("the queue cannot be written", {{"why", later.error().message}});
      return;
    }
    const int failures = item.attempts + 1;
    if (worth_another(error.code) && failures < options_.retry.attempts_max) {
      const auto wait = retry::delay(options_.retry, failures, random);
      const auto later =
          tools_.queue.postpone(item, wait.count(), error.message, Queue::Attempt::Counts);
      if (!later) telemetry::warn("the queue cannot be written", {{"why", later.error().message}});
      return;
    }
    outcome = ended(Ending::Kind::Failed, error.message);
  }
  if (on_ending_) on_ending_(item.task, outcome.value().kind);
  const auto done = tools_.queue.finish(item, outcome.value());
  if (!done) telemetry::warn("the queue cannot be written", {{"why", done.error().message}});
}

Result<Ending> Crew::perform(const Item& item, const std::stop_token& stop) {
  // A piece that was begun so often and never reported has ended the process each time.
  if (item.attempts >= options_.retry.attempts_max) {
    return ended(Ending::Kind::Failed, "it was begun too often and never ended");
  }
  switch (item.task) {
    case Task::Page:
      return page(item, stop);
    case Task::File:
      return file(item);
    case Task::Folder:
      return folder(item);
    case Task::Gone: {
      const auto withdrawn = tools_.library.withdraw({item.collection, "file", item.source});
      if (!withdrawn) return library_error(withdrawn.error());
      Ending ending;
      ending.deleted = withdrawn.value();
      return ending;
    }
  }
  return ended(Ending::Kind::Failed, "unknown task");
}

// What there was of the source goes: it no longer says that.
Result<Ending> Crew::skip(const Source& source, std::string reason) {
  const auto withdrawn = tools_.library.withdraw(source);
  if (!withdrawn) return library_error(withdrawn.error());
  Ending ending = ended(Ending::Kind::Skipped, std::move(reason));
  ending.deleted = withdrawn.value();
  return ending;
}

// What was delivered of a source and need not be again: the knowledge base may have lost it since.
Result<std::optional<Delivered>> Crew::known(const Item& item, const Source& source) {
  if (item.refresh) return std::optional<Delivered>();
  auto before = TRY(tools_.library.find(source));
  if (!before) return before;
  const auto there = tools_.library.holds(source, *before);
  if (!there) return library_error(there.error());
  if (!there.value()) before.reset();
  return before;
}

Result<Ending> Crew::give(const Item& item, const Source& source, const Content& content,
                          const std::optional<Delivered>& before) {
  if (before && before->print == content.print) {
    Ending ending = ended(Ending::Kind::Unchanged);
    ending.documents = before->documents;
    return ending;
  }
  const auto wanted = tools_.queue.wanted(item.job);
  if (wanted && !wanted.value()) return ended(Ending::Kind::Skipped, "the job was cancelled");
  const auto receipt = tools_.library.deliver(source, content);
  if (!receipt) {
    // What the knowledge base refuses, it will refuse again.
    if (receipt.error().code == Code::InvalidArgument || receipt.error().code == Code::TooLarge) {
      return ended(Ending::Kind::Failed, receipt.error().message);
    }
    return library_error(receipt.error());
  }
  Ending ending;
  ending.documents = receipt.value().documents;
  ending.chunks = receipt.value().chunks;
  return ending;
}

Result<Ending> Crew::page(const Item& item, const std::stop_token& stop) {
  Wanted wanted;
  wanted.url = TRY(parse_url(item.source));
  wanted.bytes_max = options_.page_bytes_max;
  const Source source{item.collection, "web", item.source};
  const auto before = TRY(known(item, source));
  // A page whose links are wanted has to be had whole.
  if (before && item.depth >= item.depth_max) {
    wanted.etag = before->etag;
    wanted.last_modified = before->last_modified;
  }
  auto fetched = tools_.fetcher.fetch(
      wanted, [&](const Url& url) { return tools_.manners.enter(url, stop); }, stop);
  if (!fetched) {
    const Error& error = fetched.error();
    if (worth_another(error.code) || error.code == Code::Cancelled) return error;
    return ended(Ending::Kind::Skipped, error.message);
  }
  const int status = fetched.value().status;
  if (status == 304 && before) {
    Ending ending = ended(Ending::Kind::Unchanged);
    ending.documents = before->documents;
    return ending;
  }
  if (status == 404 || status == 410) return skip(source, fmt::format("HTTP status {}", status));
  if (status == 429 || status >= 500 || status == 408) {
    if (fetched.value().retry_after.count() > 0) {
      tools_.pacer.reserve(fetched.value().url.origin(), fetched.value().retry_after);
    }
    return Error{Code::Unavailable, fmt::format("HTTP status {}", status)};
  }
  if (status != 200) return ended(Ending::Kind::Skipped, fmt::format("HTTP status {}", status));
  // A link may lead away from the site in a second step.
  if (item.depth > 0 && fetched.value().url.origin() != wanted.url.origin()) {
    return ended(Ending::Kind::Skipped,
                 fmt::format("leads to another site: {}", fetched.value().url.text()));
  }
  return read_page(item, std::move(fetched).value());
}

Result<Ending> Crew::read_page(const Item& item, Fetched fetched) {
  const Source source{item.collection, "web", fetched.url.text()};
  const auto format = format_of_body(fetched.content_type, fetched.body);
  if (!format) return skip(source, format.error().message);
  const auto extracted = tools_.extractor.read(
      format.value(), fetched.body, charset_of(fetched.content_type), name_of(fetched.url));
  if (!extracted && worth_another(extracted.error().code)) return extracted.error();
  if (!extracted) return skip(source, extracted.error().message);
  const Extracted& page = extracted.value();
  std::vector<Found> found;
  if (item.depth < item.depth_max) found = links_of(page, fetched.url, item.depth + 1);
  Ending ending = TRY(give_page(item, fetched, page));
  ending.found = std::move(found);
  return ending;
}

Result<Ending> Crew::give_page(const Item& item, const Fetched& fetched, const Extracted& page) {
  const Source source{item.collection, "web", fetched.url.text()};
  if (page.no_index) return skip(source, "the page asks not to be indexed");
  if (const auto secret = secret_in(page.text)) return skip(source, "contains " + *secret);
  Content content;
  content.title = page.title;
  content.uri = source.id;
  content.text = page.text;
  content.metadata = item.metadata;
  content.print = print_of(page.text, page.title, item.metadata);
  content.etag = fetched.etag;
  content.last_modified = fetched.last_modified;
  const auto before = TRY(known(item, source));
  Ending ending = TRY(give(item, source, content, before));
  const bool there = ending.kind == Ending::Kind::Given || ending.kind == Ending::Kind::Unchanged;
  if (!there || source.id == item.source) return ending;
  // The page has moved: what it said at its old place would be found beside what it says now.
  const auto withdrawn = tools_.library.withdraw({item.collection, "web", item.source});
  if (!withdrawn) return library_error(withdrawn.error());
  ending.deleted = withdrawn.value();
  return ending;
}

Result<Ending> Crew::file(const Item& item) {
  const Source source{item.collection, "file", item.source};
  const std::string name = file_name(item.source);
  if (const auto secret = secret_name(name)) return skip(source, *secret);
  const auto format = format_of_name(name);
  if (!format) return skip(source, "files of this kind are not read");
  const auto bytes = read_file(item.source, options_.file_bytes_max);
  if (!bytes && bytes.error().code == Code::NotFound) return skip(source, "it is gone");
  if (!bytes && retryable(bytes.error().code)) return bytes.error();
  if (!bytes) return skip(source, bytes.error().message);
  const auto before = TRY(known(item, source));
  Content content;
  content.print = print_of(bytes.value(), name, item.metadata);
  if (before && before->print == content.print) {
    return give(item, source, content, before);
  }
  const auto extracted = tools_.extractor.read(*format, bytes.value(), {}, name);
  if (!extracted && worth_another(extracted.error().code)) return extracted.error();
  if (!extracted) return skip(source, extracted.error().message);
  if (const auto secret = secret_in(extracted.value().text)) {
    return skip(source, "contains " + *secret);
  }
  content.title = extracted.value().title;
  content.uri = "file://" + item.source;
  content.text = extracted.value().text;
  content.metadata = item.metadata;
  return give(item, source, content, before);
}

Result<Ending> Crew::folder(const Item& item) {
  const auto tree = walk(item.source, options_.walk);
  if (!tree) return tree.error();
  Ending ending;
  std::set<std::string> there;
  for (const FoundFile& file : tree.value().files) {
    there.insert(file.path);
    ending.found.push_back({Task::File, file.path, {}, 0, file.skipped});
  }
  if (tree.value().unnamed > 0) {
    ending.reason = fmt::format("{} more files were left out than are named", tree.value().unnamed);
  }
  // What was not looked at is not known to be gone.
  if (!tree.value().whole) {
    ending.reason = "there is more than is read of one folder: nothing was deleted";
    return ending;
  }
  for (auto& gone : TRY(tools_.library.under(item.collection, "file", item.source + "/"))) {
    if (!there.contains(gone)) ending.found.push_back({Task::Gone, std::move(gone), {}, 0});
  }
  return ending;
}

}  // namespace crawler
