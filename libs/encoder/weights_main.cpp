// Makes the sentence encoder's file of weights:
//
//   troupe-encoder-weights FOLDER FILE
//
// FOLDER holds the Universal Sentence Encoder lite as TensorFlow.js has it.

#include <fmt/format.h>

#include <cstdio>

#include "encoder/weights.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: troupe-encoder-weights FOLDER FILE\n");
    return 2;
  }
  const auto done = encoder::convert(argv[1], argv[2]);
  if (done) return 0;
  fmt::print(stderr, "troupe-encoder-weights: {}\n", done.error().message);
  return 1;
}
