# What examples/run, tests/run, benchmarks/run and .ci/run share: from a bare Debian to a built
# program. To be sourced by bash; leaves `root`, the root of the tree, and the functions below.
# shellcheck shell=bash

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

# --- Packages of Debian, by what they are for ----------------------------------------------------

declare -A packages=(
  # make: g++ runs it to optimise at link time on several CPUs. dpkg-dev: Meson asks it where
  # Debian has its libraries.
  [build]='g++ make dpkg-dev meson ninja-build pkg-config cmake
    libabsl-dev libmimalloc-dev liburing-dev'
  [tests]='libgtest-dev libgmock-dev socat netcat-openbsd curl python3 sockperf strace'
  # redis-server's program without its service.
  [comparison]='redis-tools'
  [clang]='clang'
  [benchmarks]='python3 libgtest-dev'
  [peers]='libevent-dev libuv1-dev libasio-dev'
  [micro]='libbenchmark-dev'
  [instructions]='valgrind'
  [redis]='redis-server redis-tools'
)

# packages_of GROUP...: prints the names of all packages of these groups.
packages_of() {
  local group
  for group; do echo "${packages[$group]}"; done
}

# missing_packages GROUP...: prints, on one line, which packages of these are not installed.
missing_packages() {
  local wanted
  # shellcheck disable=SC2207  # one word for each package
  wanted=($(packages_of "$@"))
  comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) <(
    dpkg-query -W -f "\${db:Status-Status} \${Package}\n" "${wanted[@]}" 2>/dev/null |
      sed -n 's/^installed //p' | sort -u) | paste -s -d ' '
}

# apt_install PACKAGE...: fails where this user or this machine cannot.
apt_install() {
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q)
  if [[ $(id -u) != 0 ]]; then
    # Sudo may ask for a password only at a terminal.
    { command -v sudo && { sudo -n true || [[ -t 0 ]]; }; } >/dev/null 2>&1 || return 1
    apt=(sudo "${apt[@]}")
  fi
  echo "installing $*" >&2
  {
    # Once, and the install may work without: one of several sources may be unreachable.
    [[ ${lists_updated:-} ]] || "${apt[@]}" update || true
    lists_updated=yes
    "${apt[@]}" install -y --no-install-recommends "$@"
  } >&2
}

# install_packages GROUP...: installs what is missing of these groups, or ends the program with the
# command that would.
install_packages() {
  local missing
  if ! command -v dpkg-query >/dev/null; then
    command -v meson >/dev/null || fail "not Debian; install the likes of: $(packages_of "$@")"
    return 0
  fi
  missing=$(missing_packages "$@")
  # shellcheck disable=SC2086  # one word for each package
  [[ ! $missing ]] || apt_install $missing ||
    fail "packages are missing; as root, run: $(install_command "$missing")"
}

# try_packages GROUP...: the same for what the program can do without.
try_packages() {
  local package
  command -v dpkg-query >/dev/null || return 0
  for package in $(missing_packages "$@"); do
    apt_install "$package" ||
      printf '%s\n' "skipping what needs $package; to have it, as root, run: $(
        install_command "$package")" >&2
  done
}

install_command() {
  echo "apt-get update && apt-get install -y --no-install-recommends $*"
}

# --- Building ------------------------------------------------------------------------------------

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
