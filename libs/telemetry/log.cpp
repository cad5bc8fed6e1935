#include "telemetry/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cmath>
#include <memory>

#include "base/utf8.h"

namespace telemetry {
namespace {

spdlog::level::level_enum spd(Level level) {
  switch (level) {
    case Level::Debug:
      return spdlog::level::debug;
    case Level::Info:
      return spdlog::level::info;
    case Level::Warn:
      return spdlog::level::warn;
    case Level::Error:
      return spdlog::level::err;
    case Level::Off:
      break;
  }
  return spdlog::level::off;
}

struct Sink {
  bool json = false;
  std::shared_ptr<spdlog::logger> logger = make("troupe", json);

  static std::shared_ptr<spdlog::logger> make(std::string_view service, bool& json) {
    json = isatty(STDERR_FILENO) == 0;
    auto logger = std::make_shared<spdlog::logger>(
        std::string(service), std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    // %v carries the event; in JSON its fields are members beside it.
    logger->set_pattern(json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","service":"%n",%v})"
                             : "%H:%M:%S.%e %^%-5l%$ %n: %v");
    logger->set_level(spdlog::level::info);
    return logger;
  }
};

Sink& sink() {
  static Sink instance;
  return instance;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : utf8_repaired(text)) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string LogField::number(double value) {
  if (std::isfinite(value) && value == std::floor(value) && std::abs(value) < 1e15) {
    return fmt::format("{:.0f}", value);
  }
  return std::isfinite(value) ? fmt::format("{:.3f}", value) : "null";
}

void open_log(std::string_view service, Level level) {
  sink().logger = Sink::make(service, sink().json);
  sink().logger->set_level(spd(level));
}

bool log_enabled(Level level) { return sink().logger->should_log(spd(level)); }

void log(Level level, std::string_view event, std::initializer_list<LogField> fields) {
  if (!log_enabled(level)) return;
  std::string line =
      sink().json ? fmt::format("\"event\":\"{}\"", escaped(event)) : std::string(event);
  for (const LogField& field : fields) {
    if (sink().json) {
      const char* quote = field.quoted ? "\"" : "";
      line += fmt::format(",\"{}\":{}{}{}", field.key, quote, escaped(field.value), quote);
    } else {
      line += fmt::format(" {}={}", field.key, field.quoted ? escaped(field.value) : field.value);
    }
  }
  sink().logger->log(spd(level), "{}", line);
}

}  // namespace telemetry
