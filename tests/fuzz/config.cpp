#include "config/config.h"

#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/fuzz.h"

// Settings from a file, a variable and a flag: what is refused is refused in words; what is
// taken is within its limits and is the same when its print is read again.
namespace {

enum class Mode { Slow, Fast };
constexpr auto enum_names(Mode) {
  return EnumNames<Mode, 2>{{{Mode::Slow, "slow"}, {Mode::Fast, "fast"}}};
}

struct Peer {
  std::string name;
  std::vector<std::string> models;
  int concurrency = 5;
  static void fields(auto& self, auto&& visit) {
    visit("name", self.name, Field{.bytes_min = 1, .bytes_max = 32});
    visit("models", self.models, Field{.items_max = 4, .defaulted = true});
    visit("concurrency", self.concurrency, Field{.min = 1, .max = 64, .defaulted = true});
  }
  friend bool operator==(const Peer&, const Peer&) = default;
};

struct Settings {
  int port = 6000;
  double scale = 1.0;
  bool loud = false;
  Mode mode = Mode::Slow;
  std::string name = "a name";
  std::optional<std::string> alias;
  std::vector<Peer> peers;
  std::map<std::string, double> weights;

  static void fields(auto& self, auto&& visit) {
    visit("port", self.port, Field{.min = 0, .max = 65535, .help = "where"});
    visit("scale", self.scale, Field{.min = 0, .max = 10});
    visit("loud", self.loud);
    visit("mode", self.mode);
    visit("name", self.name, Field{.bytes_max = 64, .variable = "SAMPLE_NAME"});
    visit("alias", self.alias);
    visit("peers", self.peers, Field{.items_max = 8});
    visit("weights", self.weights, Field{.items_max = 8});
  }
};

// A file that lives in memory.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : file_(memfd_create("config", MFD_CLOEXEC)) {
    const bool written = ::write(file_, bytes.data(), bytes.size()) >= 0;
    fuzz::require(file_ >= 0 && written, "there is memory for a file");
  }
  ~MemoryFile() { ::close(file_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return fmt::format("/proc/self/fd/{}", file_); }

 private:
  int file_;
};

config::Inputs from_file(const MemoryFile& file) {
  return {.section = "sample", .file = file.path(), .environment = {}, .flags = {}};
}

config::Inputs from_flag(std::string name, std::string value) {
  return {.section = "sample",
          .file = {},
          .environment = {},
          .flags = {{std::move(name), std::move(value)}}};
}

config::Inputs from_variable(std::string name, std::string value) {
  return {.section = "sample",
          .file = {},
          .environment = {{std::move(name), std::move(value)}},
          .flags = {}};
}

void check_refusal(const Error& error) {
  fuzz::require(error.code == Code::InvalidArgument, "a refusal is InvalidArgument");
  fuzz::require(!error.message.empty(), "a refusal has words");
}

void check(const config::Inputs& inputs) {
  const auto loaded = config::load<Settings>(inputs);
  if (!loaded) return check_refusal(loaded.error());
  fuzz::keep();
  const Settings& settings = loaded.value();
  fuzz::require(settings.port >= 0 && settings.port <= 65535, "numbers are within their limits");
  fuzz::require(settings.scale >= 0 && settings.scale <= 10, "numbers are within their limits");
  fuzz::require(settings.peers.size() <= 8, "lists are within their limits");
  const std::string printed = config::print(settings);
  const MemoryFile again(fmt::format("{{\"sample\":{}}}", printed));
  const auto second = config::load<Settings>(from_file(again));
  fuzz::require(second.ok(), "what is printed can be read");
  fuzz::require(config::print(second.value()) == printed, "and is the same");
}

}  // namespace

fuzz::Corpus fuzz::corpus() {
  return {
      .seeds = {R"({"sample":{"port":1,"scale":0.5,"loud":true,"mode":"fast"}})",
                R"({"sample":{"peers":[{"name":"p","models":["m"],"concurrency":2}]}})",
                "{// why\n\"sample\":{\"weights\":{\"a\":1,\"b\":2.5},\"alias\":\"x\"}}",
                R"({"other":{"port":70000}})", "8080", "fast", "[{\"name\":\"a\"}]", "true"},
      .words = {"\"sample\":",  "\"port\":",   "\"scale\":", "\"mode\":", "\"peers\":", "\"name\":",
                "\"weights\":", "\"models\":", "\"prot\":",  "null",      "-1",         "65536",
                "1e99",         "\n",          "//",         "/*",        "\"fast\"",   "\xff",
                "\x1b[2J",      "\\u001b",     "\\n"}};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(fuzz::text_of(data, size));
  const MemoryFile file(text);
  check(from_file(file));
  for (const char* name : {"port", "scale", "mode", "name", "peers", "weights"}) {
    check(from_flag(name, text));
  }
  check(from_flag(text, "1"));
  check(from_variable("TROUPE_SAMPLE_PEERS", text));
  check(from_variable("TROUPE_SAMPLE_" + text, "1"));

  const std::string joined = "--" + text.substr(0, text.find('\0'));
  const char* const arguments[] = {"program", joined.c_str(), "--port", "1"};
  const char* const environment[] = {"TROUPE_SAMPLE_LOUD=true", joined.c_str(), nullptr};
  const auto inputs = config::read_inputs("sample", 4, arguments, environment);
  if (!inputs) check_refusal(inputs.error());
  return 0;
}
