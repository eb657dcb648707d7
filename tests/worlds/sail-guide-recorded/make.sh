#!/usr/bin/env bash
# The world sail-guide, recorded.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

mesh sail-guide
