#!/usr/bin/env bash
# meshConfig.trustDomain in cluster2.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

mesh by-hand
kubectl --context "$CTX_CLUSTER2" patch istio default --type=merge \
    -p '{"spec":{"values":{"meshConfig":{"trustDomain":"west.example"}}}}'
kubectl --context "$CTX_CLUSTER2" patch istio default --subresource=status --type=merge -p '{"status":{"observedGeneration":2}}'
kubectl --context "$CTX_CLUSTER2" get configmap -n istio-system istio -o yaml |
    sed 's/^\( *\)trustDomain: .*/\1trustDomain: west.example/' | kubectl --context "$CTX_CLUSTER2" apply -f -
