#!/usr/bin/env bash
# In whole clusters istiod makes the Deployment and the Service; as recorded, this is what it leaves of one.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

mesh by-hand
api() {
    kubectl --context "$1" create namespace istio-ingress
    kubectl --context "$1" delete service,deployment,serviceaccount -n istio-system istio-eastwestgateway
    if [ "$KIND" = live ]; then
        kubectl --context "$1" apply --server-side -f "$MESHLAB_ISTIO/gateway-api/standard"
        sed "s/NETWORK/network$2/" "$WORLD/gateway.yaml" | kubectl --context "$1" apply -f -
        kubectl --context "$1" wait -n istio-ingress gateway.gateway.networking.k8s.io/eastwest --for=condition=Programmed --timeout=90s
        return
    fi
    sed -e 's/istio-eastwestgateway/eastwest-istio/g' -e 's/istio-system/istio-ingress/' \
        -e 's|istio: eastwestgateway|gateway.networking.k8s.io/gateway-name: eastwest|' \
        "$WORLDS/by-hand/gateway$2.yaml" | kubectl --context "$1" apply -f -
    address "$1" istio-ingress eastwest-istio "10.99.0.1$2"
}
together api
