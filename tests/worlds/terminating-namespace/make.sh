#!/usr/bin/env bash
# Both clusters are bare but for that.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

kubectl --context "$CTX_CLUSTER1" create namespace istio-system
kubectl --context "$CTX_CLUSTER1" create configmap -n istio-system held
kubectl --context "$CTX_CLUSTER1" patch configmap -n istio-system held --type=merge -p '{"metadata":{"finalizers":["example.test/held"]}}'
kubectl --context "$CTX_CLUSTER1" delete namespace istio-system --wait=false
