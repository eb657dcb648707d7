#!/usr/bin/env bash
# As of istio-system/istio-eastwestgateway, but called ew, in istio-ingress, with istio: ew.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

mesh by-hand
ew() {
    kubectl --context "$1" create namespace istio-ingress
    kubectl --context "$1" delete service,deployment,serviceaccount -n istio-system istio-eastwestgateway
    sed -e 's/istio-eastwestgateway/ew/g' -e 's/istio: eastwestgateway/istio: ew/' -e 's/istio-system/istio-ingress/' \
        "$WORLDS/by-hand/gateway$2.yaml" | kubectl --context "$1" apply -f -
    address "$1" istio-ingress ew "10.99.0.1$2"
    available "$1" istio-ingress ew
}
together ew
