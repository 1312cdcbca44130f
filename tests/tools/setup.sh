# What examples/run, tests/run, benchmarks/run and .ci/run share: from a bare Debian to a built
# program. To be sourced by bash; leaves `root`, the root of the tree, and the functions below.
# shellcheck shell=bash

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

# install_packages PACKAGE...: installs what is missing of these and of what every build needs.
install_packages() {
  local missing as_root=() install
  # make: g++ runs it to optimise at link time on several CPUs.
  set -- g++ make meson ninja-build pkg-config cmake libabsl-dev libmimalloc-dev liburing-dev "$@"
  if ! command -v dpkg-query >/dev/null; then
    command -v meson >/dev/null || fail "not Debian; please install the likes of: $*"
    return 0
  fi
  missing=$(comm -23 <(printf '%s\n' "$@" | sort -u) <(
    dpkg-query -W -f "\${db:Status-Status} \${Package}\n" "$@" 2>/dev/null |
      sed -n 's/^installed //p' | sort -u))
  [[ $missing ]] || return 0

  install="apt-get install -y --no-install-recommends ${missing//$'\n'/ }"
  if [[ $EUID != 0 ]]; then
    command -v sudo >/dev/null ||
      fail "packages are missing and there is no sudo; as root, run:" "  apt-get update && $install"
    as_root=(sudo)
  fi
  echo "installing ${missing//$'\n'/ }" >&2
  # shellcheck disable=SC2086  # one word for each package
  {
    # One source that cannot be reached need not be the one that counts.
    "${as_root[@]}" apt-get update -q || true
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive $install -q
  } >&2 ||
    fail "could not install; as root, run:" "  apt-get update && $install"
}

# configure FOLDER OPTION...: sets up build/FOLDER, unless it is already set up in just this way.
# Warnings are errors where the environment says CI.
configure() {
  local folder=$root/build/$1 werror=false options known again=()
  shift
  [[ ${CI:-} ]] && werror=true
  # With the build files that there are: Meson does not see that a folder has got its first.
  options="-Dwerror=$werror $* $(cd "$root" && echo ./*/meson.build ./*/*/meson.build)"
  known=$folder/options
  if [[ -f $known && -f $folder/build.ninja && $(<"$known") == "$options" ]]; then return 0; fi
  [[ -f $folder/meson-private/coredata.dat ]] && again=(--reconfigure)
  echo "configuring ${folder#"$root"/}" >&2
  mkdir -p "$folder"
  meson setup "${again[@]}" -Dwerror=$werror "$@" "$folder" "$root" >"$folder/configure.log" 2>&1 ||
    fail "$(<"$folder/configure.log")" "remove $folder to start afresh"
  printf '%s\n' "$options" >"$known"
}

# build FOLDER TARGET...: brings the targets (none: all) of build/FOLDER up to date. Says nothing
# when they are.
build() {
  local ninja=(ninja -C "$root/build/$1" -j "${JOBS:-$(nproc)}")
  shift
  [[ $("${ninja[@]}" -n "$@") == *"no work to do"* ]] || "${ninja[@]}" "$@" >&2
}
