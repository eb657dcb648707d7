#!/usr/bin/env bash
# type ClusterIP with externalIPs.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

mesh by-hand
external() {
    kubectl --context "$1" patch service -n istio-system istio-eastwestgateway --type=merge \
        -p "{\"spec\":{\"type\":\"ClusterIP\",\"externalIPs\":[\"10.99.0.1$2\"]}}"
    no_address "$1" istio-system istio-eastwestgateway
}
together external
