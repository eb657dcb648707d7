#!/usr/bin/env bash
# meshConfig.trustDomain in cluster2.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

mesh by-hand
configured "$CTX_CLUSTER2" default '{"spec":{"values":{"meshConfig":{"trustDomain":"west.example"}}}}'
if [ "$KIND" = recorded ]; then
    kubectl --context "$CTX_CLUSTER2" get configmap -n istio-system istio -o yaml |
        sed 's/^\( *\)trustDomain: .*/\1trustDomain: west.example/' | kubectl --context "$CTX_CLUSTER2" apply -f -
fi
