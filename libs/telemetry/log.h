#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

// Logs are events: a constant text, then fields. error = someone must act; warn = degraded;
// info = lifecycle and one line per request; debug = off. Never keys, tokens or message bodies at
// info. Colour on a terminal, JSON lines otherwise; all to stderr. Thread-safe.
namespace telemetry {

enum class Level { Debug, Info, Warn, Error, Off };
constexpr auto enum_names(Level) {
  return std::array<std::pair<Level, std::string_view>, 5>{{{Level::Debug, "debug"},
                                                            {Level::Info, "info"},
                                                            {Level::Warn, "warn"},
                                                            {Level::Error, "error"},
                                                            {Level::Off, "off"}}};
}

// Called once by the process before its threads start; until then info goes out as text.
void open_log(std::string_view service, Level level);

struct LogField {
  std::string_view key;
  std::string value;
  bool quoted = true;

  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(v) {}
  template <class N>
  requires std::is_arithmetic_v<N> LogField(std::string_view k, N v)
      : key(k), value(number(static_cast<double>(v))), quoted(false) {}

 private:
  static std::string number(double value);
};

void log(Level level, std::string_view event, std::initializer_list<LogField> fields);
inline void debug(std::string_view event, std::initializer_list<LogField> fields = {}) {
  log(Level::Debug, event, fields);
}
inline void info(std::string_view event, std::initializer_list<LogField> fields = {}) {
  log(Level::Info, event, fields);
}
inline void warn(std::string_view event, std::initializer_list<LogField> fields = {}) {
  log(Level::Warn, event, fields);
}
inline void error(std::string_view event, std::initializer_list<LogField> fields = {}) {
  log(Level::Error, event, fields);
}
bool log_enabled(Level level);

}  // namespace telemetry
