#!/usr/bin/env bash
# What is in cluster1 was right once.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

mesh by-hand
kubectl --context "$CTX_CLUSTER2" get serviceaccount -n istio-system istio-reader-service-account -o yaml |
    sed -e '/uid:/d' -e '/resourceVersion:/d' -e '/creationTimestamp:/d' >reader.yaml
kubectl --context "$CTX_CLUSTER2" delete serviceaccount -n istio-system istio-reader-service-account
# The operator makes it again as well.
kubectl --context "$CTX_CLUSTER2" apply -f reader.yaml
kubectl --context "$CTX_CLUSTER2" wait --for=delete --timeout=30s -n istio-system \
    secret/istio-reader-service-account-istio-remote-secret-token
