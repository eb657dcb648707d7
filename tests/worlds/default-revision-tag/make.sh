#!/usr/bin/env bash
# The tag is there before the first workload, as the guide has it.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

SPEC='{"spec":{"updateStrategy":{"type":"RevisionBased"}}}'
prepared() { default_tag "$1" default; }
mesh by-hand
