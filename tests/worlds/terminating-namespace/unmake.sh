#!/usr/bin/env bash
# Removes what holds the namespace.
set -euo pipefail
kubectl --context "$CTX_CLUSTER1" patch configmap -n istio-system held --type=merge -p '{"metadata":{"finalizers":null}}'
