#!/usr/bin/env bash
# The world helm, recorded.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

mesh helm
