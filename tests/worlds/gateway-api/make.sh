#!/usr/bin/env bash
# The CRDs of the Gateway API are not in the lab: this is what istiod leaves of one.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

mesh by-hand
api() {
    kubectl --context "$1" create namespace istio-ingress
    kubectl --context "$1" delete service,deployment,serviceaccount -n istio-system istio-eastwestgateway
    sed -e 's/istio-eastwestgateway/eastwest-istio/g' -e 's/istio-system/istio-ingress/' \
        -e 's|istio: eastwestgateway|gateway.networking.k8s.io/gateway-name: eastwest|' \
        "$WORLDS/by-hand/gateway$2.yaml" | kubectl --context "$1" apply -f -
    kubectl --context "$1" patch service -n istio-ingress eastwest-istio --subresource=status --type=merge \
        -p "{\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"10.99.0.1$2\"}]}}}"
}
together api
