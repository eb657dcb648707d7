#!/usr/bin/env bash
# "Install Multi-Primary on different networks", the IstioOperator tabs, with plug-in CA certificates.
set -euo pipefail
# shellcheck source=../steps.sh
. "$WORLDS/steps.sh"

certificates "$SHARED/certificates"

cluster() {
    push_cacerts "$1" "$2"
    istioctl install -y --context="$1" -f "$WORLD/cluster$2.yaml"
    "$MESHLAB_ISTIO/samples/multicluster/gen-eastwest-gateway.sh" --network "network$2" |
        istioctl --context="$1" install -y -f -
    kubectl --context "$1" apply -n istio-system -f "$MESHLAB_ISTIO/samples/multicluster/expose-services.yaml"
}

gateway() {
    kubectl --context "$1" rollout status -n istio-system deployment/istio-eastwestgateway --timeout=180s
}

together cluster
remote_secrets
together applications
together gateway
