#include "cache/cache.h"

#include <cassert>
#include <future>

#include "base/loop_thread.h"

namespace cache {

Value fetch_and_wait(Cache& cache, std::string_view key) {
  assert(!cache.remote() || !LoopThread::here());
  const auto found = std::make_shared<std::promise<Value>>();
  auto answer = found->get_future();
  cache.fetch(key, [found](Value value) { found->set_value(std::move(value)); });
  return answer.get();
}

}  // namespace cache
