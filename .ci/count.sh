# What .ci/run and .ci/long share: run commands that end with "N passed, M failed", and add that up.
# To be sourced by bash.
# shellcheck shell=bash

set -uo pipefail
export CI=1
passed=0
failed=0
tests=$(dirname "${BASH_SOURCE[0]}")/../tests
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# count COMMAND...: runs it, and adds what its last line says. One without such a line has failed,
# unless its status is `may_end_with`.
count() {
  local status
  echo "== $*"
  "$@" | tee "$log"
  status=$?
  if [[ $(tail -n 1 "$log") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
    ((passed += BASH_REMATCH[1], failed += BASH_REMATCH[2]))
    [[ $status == 0 || ${BASH_REMATCH[2]} != 0 ]] || ((failed += 1))
  elif [[ $status != "${may_end_with:-}" ]]; then
    ((failed += 1)) # It did not build.
  fi
}

# The last line, and whether all is well.
total() {
  echo "$passed passed, $failed failed"
  [[ $failed == 0 ]]
}
