#!/usr/bin/env bash
# The gateway's manifest a second time, under another name and other labels.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

mesh by-hand
sed -e 's/istio-eastwestgateway/second-gateway/g' -e 's/istio: eastwestgateway/istio: second/' \
    "$WORLDS/by-hand/gateway2.yaml" | kubectl --context "$CTX_CLUSTER2" apply -f -
address "$CTX_CLUSTER2" istio-system second-gateway 10.99.0.13
