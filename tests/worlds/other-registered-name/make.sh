#!/usr/bin/env bash
# istioctl create-remote-secret --name=paris.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

registered() {
    remote_secret "$CTX_CLUSTER1" "$CTX_CLUSTER2" paris "$API_CLUSTER2"
    remote_secret "$CTX_CLUSTER2" "$CTX_CLUSTER1" cluster1 "$API_CLUSTER1"
}
mesh by-hand
