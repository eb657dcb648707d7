#!/usr/bin/env bash
# The world by-hand, recorded.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

mesh by-hand
