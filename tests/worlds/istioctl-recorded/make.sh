#!/usr/bin/env bash
# The world istioctl, recorded.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

mesh istioctl
