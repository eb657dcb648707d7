#!/usr/bin/env bash
# "Install Multi-Primary on different networks", the IstioOperator tabs, with plug-in CA certificates. eastwest.yaml is what the
# page's samples/multicluster/gen-eastwest-gateway.sh prints.
set -euo pipefail
# shellcheck source=../steps.sh
. "$WORLDS/steps.sh"

certificates "$SHARED/certificates"

cluster() {
    push_cacerts "$1" "$2"
    istioctl install -y --context="$1" -f "$WORLD/cluster$2.yaml"
    istioctl --context="$1" install -y -f "$WORLD/eastwest$2.yaml"
    kubectl --context "$1" apply -n istio-system -f "$WORLD/expose-services.yaml"
}

gateway() {
    kubectl --context "$1" rollout status -n istio-system deployment/istio-eastwestgateway --timeout=180s
}

together cluster
remote_secrets
together applications
together gateway
