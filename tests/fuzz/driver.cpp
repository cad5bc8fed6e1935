#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>

#include "base/clock.h"
#include "fuzz/fuzz.h"

// Drives a fuzz target with seeded mutations of its corpus, for compilers without libFuzzer:
//
//   fuzz-NAME [--seconds N] [--runs N] [--seed N] [--found DIR] [FILE...]
//   fuzz-NAME --write-corpus DIR      seeds and words.dict, for libFuzzer
//
// With files it runs those alone. The same seed gives the same inputs in the same order. An input
// that breaks a property, crashes or hangs is left in DIR (by default the working directory).
namespace {

constexpr unsigned kHangSeconds = 60;  // of one input, on a busy machine and with sanitizers
constexpr std::size_t kPoolMax = 2048;

// What a dying process can still reach.
struct LastInput {
  std::string_view bytes;
  std::array<char, 512> path{};  // where to leave it
};
LastInput last;

extern "C" void leave_input(int signal) {
  const int file = ::open(last.path.data(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool written = file >= 0 && ::write(file, last.bytes.data(), last.bytes.size()) >= 0;
  constexpr std::string_view kHang = "no end in sight: ";
  constexpr std::string_view kWhere = "\nthe input is in ";
  const auto say = [](std::string_view text) {
    return ::write(STDERR_FILENO, text.data(), text.size()) >= 0;
  };
  if (signal == SIGALRM) say(kHang);
  if (written && say(kWhere) && say(last.path.data())) say("\n");
  std::signal(signal == SIGALRM ? SIGABRT : signal, SIG_DFL);
  std::raise(signal == SIGALRM ? SIGABRT : signal);
}

void catch_signals() {
  // A recursion without end leaves no stack for the handler.
  static std::array<char, 64 * 1024> stack;
  stack_t other{};
  other.ss_sp = stack.data();
  other.ss_size = stack.size();
  sigaltstack(&other, nullptr);
  struct sigaction action {};
  action.sa_handler = leave_input;
  action.sa_flags = SA_ONSTACK | SA_RESETHAND | SA_NODEFER;
  for (const int signal : {SIGABRT, SIGALRM}) sigaction(signal, &action, nullptr);
#ifndef __SANITIZE_ADDRESS__  // it has more to say about these, and aborts then
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) sigaction(signal, &action, nullptr);
#endif
}

class Mutator {
 public:
  Mutator(fuzz::Corpus corpus, std::uint64_t seed)
      : words_(std::move(corpus.words)),
        pool_(std::move(corpus.seeds)),
        bytes_max_(corpus.bytes_max),
        seeds_(pool_.size()),
        draw_(seed) {
    if (pool_.empty()) pool_.emplace_back();
  }

  std::string next() {
    if (untouched_ < pool_.size() && untouched_ < seeds_) return pool_[untouched_++];
    std::string text = pool_[draw_.below(pool_.size())];
    for (std::uint64_t steps = 1 + draw_.below(6); steps > 0; --steps) step(text);
    if (text.size() > bytes_max_) text.resize(bytes_max_);
    return text;
  }

  // Seeds stay; of the rest a random one gives way when there are too many.
  void keep(std::string text) {
    if (pool_.size() < kPoolMax) {
      pool_.push_back(std::move(text));
    } else {
      pool_[seeds_ + draw_.below(pool_.size() - seeds_)] = std::move(text);
    }
  }

 private:
  std::size_t place(std::string_view text) { return draw_.below(text.size() + 1); }

  // A range of `text`, mostly a short one.
  std::string_view range(std::string_view text) {
    const std::size_t start = place(text);
    return text.substr(start, draw_.below(draw_.below(4) == 0 ? text.size() + 1 : 9));
  }

  char byte() {
    constexpr std::string_view kTelling("\0\x01\x7f\x80\xff\r\n\t \"'\\{}[]:,.-+/<>#%&=;09aA", 34);
    return draw_.below(2) == 0 ? kTelling[draw_.below(kTelling.size())]
                               : static_cast<char>(draw_.below(256));
  }

  void step(std::string& text) {
    switch (draw_.below(10)) {
      case 0:
        if (!text.empty()) {
          char& changed = text[draw_.below(text.size())];
          changed = static_cast<char>(static_cast<unsigned char>(changed) ^ (1U << draw_.below(8)));
        }
        return;
      case 1:
        if (!text.empty()) text[draw_.below(text.size())] = byte();
        return;
      case 2:
        text.insert(place(text), 1, byte());
        return;
      case 3:
      case 4:
        if (!words_.empty()) text.insert(place(text), words_[draw_.below(words_.size())]);
        return;
      case 5: {
        const std::string_view gone = range(text);
        text.erase(static_cast<std::size_t>(gone.data() - text.data()), gone.size());
        return;
      }
      case 6: {
        const std::string copy(range(text));
        const std::size_t times = 1 + draw_.below(draw_.below(16) == 0 ? 200 : 2);
        const std::size_t at = place(text);
        for (std::size_t i = 0; i < times && text.size() < bytes_max_; ++i) text.insert(at, copy);
        return;
      }
      case 7: {
        const std::string& other = pool_[draw_.below(pool_.size())];
        text.insert(place(text), range(other));
        return;
      }
      case 8: {
        const std::string& other = pool_[draw_.below(pool_.size())];
        text = text.substr(0, place(text)) + other.substr(place(other));
        return;
      }
      default:
        text.resize(place(text));
    }
  }

  std::vector<std::string> words_;
  std::vector<std::string> pool_;
  std::size_t bytes_max_;
  std::size_t seeds_;
  std::size_t untouched_ = 0;
  Random draw_;
};

struct Options {
  double seconds = 5;
  std::uint64_t runs = ~std::uint64_t{0};
  std::uint64_t seed = 1;
  std::string found = ".";
  std::string write_corpus;
  std::vector<std::string> files;
};

template <class T>
bool read_number(std::string_view text, T& out) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failed == std::errc() && end == text.data() + text.size();
}

std::optional<Options> read_options(std::span<char* const> words) {
  Options options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (!word.starts_with("--")) {
      options.files.emplace_back(word);
      continue;
    }
    if (++i == words.size()) return std::nullopt;
    const std::string_view value = words[i];
    bool good = true;
    if (word == "--seconds") {
      good = read_number(value, options.seconds);
    } else if (word == "--runs") {
      good = read_number(value, options.runs);
    } else if (word == "--seed") {
      good = read_number(value, options.seed);
    } else if (word == "--found") {
      options.found = value;
    } else if (word == "--write-corpus") {
      options.write_corpus = value;
    } else {
      good = false;
    }
    if (!good) return std::nullopt;
  }
  return options;
}

// From a copy on the heap, so that a sanitizer sees each byte that is read beyond it.
void run(std::string_view input) {
  const std::vector<std::uint8_t> copy(input.begin(), input.end());
  last.bytes = input;
  fuzz::kept = false;
  alarm(kHangSeconds);
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
  alarm(0);
}

void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// In libFuzzer's format for dictionaries: one quoted word a line, bytes escaped.
void write_corpus(const std::string& folder) {
  const fuzz::Corpus corpus = fuzz::corpus();
  std::filesystem::create_directories(folder);
  for (std::size_t i = 0; i < corpus.seeds.size(); ++i) {
    write_file(fmt::format("{}/seed-{}", folder, i), corpus.seeds[i]);
  }
  std::string dictionary;
  for (const std::string& word : corpus.words) {
    dictionary += '"';
    for (const char c : word) {
      dictionary += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
    dictionary += "\"\n";
  }
  write_file(folder + "/words.dict", dictionary);
}

void replay(const std::vector<std::string>& files) {
  for (const std::string& path : files) {
    std::ifstream file(path, std::ios::binary);
    const std::string input((std::istreambuf_iterator<char>(file)), {});
    run(input);
    fmt::print("{}: holds\n", path);
  }
}

void explore(const Options& options, std::string_view name) {
  Mutator mutator(fuzz::corpus(), options.seed);
  const auto start = SystemClock::instance().now();
  std::uint64_t count = 0;
  while (count < options.runs &&
         elapsed_ms(start, SystemClock::instance().now()) < options.seconds * 1000) {
    std::string input = mutator.next();
    run(input);
    ++count;
    if (fuzz::kept) mutator.keep(std::move(input));
  }
  fmt::print("{}: {} inputs from seed {} hold\n", name, count, options.seed);
}

}  // namespace

// With a sanitizer that has found something, the input is wanted too.
extern "C" const char* __asan_default_options() { return "abort_on_error=1:handle_abort=0"; }
extern "C" const char* __ubsan_default_options() { return "abort_on_error=1:print_stacktrace=1"; }

int main(int argc, char** argv) {
  const auto options = read_options({argv + 1, static_cast<std::size_t>(argc - 1)});
  const std::string name = std::filesystem::path(argv[0]).filename();
  if (!options) {
    fmt::print(stderr,
               "usage: {} [--seconds N] [--runs N] [--seed N] [--found DIR] "
               "[--write-corpus DIR] [FILE...]\n",
               name);
    return 2;
  }
  const auto path = fmt::format("{}/{}-{}.found", options->found, name, getpid());
  path.copy(last.path.data(), last.path.size() - 1);
  catch_signals();
  if (!options->write_corpus.empty()) {
    write_corpus(options->write_corpus);
  } else if (!options->files.empty()) {
    replay(options->files);
  } else {
    explore(*options, name);
  }
}
