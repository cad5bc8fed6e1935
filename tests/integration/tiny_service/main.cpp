#include "integration/tiny_service/config.h"
#include "integration/tiny_service/counter.h"
#include "integration/tiny_service/routes.h"
#include "runtime/runtime.h"

namespace {

Result<void> serve(runtime::Process& process, const tiny::Config& config) {
  tiny::Counter counter(config.step);
  tiny::install_routes(process.doors(), counter);
  return process.run();
}

}  // namespace

int main(int argc, char** argv) { return runtime::main<tiny::Config>("tiny", argc, argv, serve); }
