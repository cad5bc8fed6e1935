#pragma once

#include "crawler/address.h"
#include "crawler/extractor.h"
#include "crawler/folder.h"
#include "crawler/library.h"
#include "crawler/queue.h"
#include "runtime/doors.h"
#include "telemetry/metrics.h"

namespace crawler {

// What the doors are made of; all must outlive them.
struct House {
  Queue& queue;
  Library& library;
  Extractor& extractor;
  const Roots& roots;
  const AllowedPlaces& allowed;
};

// Every door of the service.
void install_routes(runtime::Doors& doors, const House& house, telemetry::Metrics& metrics);

// Checks a job's source and says what is to be done first; its kind is then known.
// InvalidArgument, PermissionDenied or NotFound.
Result<Found> first_piece(contracts::AddJob& job, const Roots& roots, const AllowedPlaces& allowed);

// A door that takes large bodies, but only for uploads.
http::Listen listen_for_uploads(std::size_t bytes_max);

}  // namespace crawler
