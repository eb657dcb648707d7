#!/usr/bin/env bash
# Both clusters are bare but for the policy and the namespace.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

deny() {
    kubectl --context "$1" create namespace istio-system
    kubectl --context "$1" apply -f "$WORLD/policy.yaml"
}
together deny
# The API server compiles a policy a moment after it was made.
for context in "$CTX_CLUSTER1" "$CTX_CLUSTER2"; do
    until [[ $(kubectl --context "$context" create service loadbalancer -n istio-system denied --tcp=15443 \
        --dry-run=server 2>&1) == *no-load-balancers* ]]; do
        sleep 0.5
    done
done
