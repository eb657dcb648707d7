#!/usr/bin/env bash
# The commands that this project replaces, one after the other: a root and intermediates by openssl, IstioCNI and Istio of the Sail
# operator, an east-west gateway by its own manifest, remote secrets by istioctl, one service exposed where it is to be reached,
# and a rule by which it is to fail over.
set -euo pipefail
# shellcheck source=../steps.sh
. "$WORLDS/steps.sh"

certificates "$SHARED/certificates"

cluster() {
    push_cacerts "$1" "$2"
    kubectl --context "$1" create namespace istio-cni
    kubectl --context "$1" apply -f - <<END
apiVersion: sailoperator.io/v1
kind: IstioCNI
metadata:
  name: default
spec:
  namespace: istio-cni
---
apiVersion: sailoperator.io/v1
kind: Istio
metadata:
  name: default
spec:
  namespace: istio-system
  values:
    meshConfig:
      accessLogFile: /dev/stdout
    pilot:
      cni:
        enabled: true
    global:
      meshID: mesh1
      multiCluster:
        clusterName: cluster$2
      network: network$2
END
    kubectl --context "$1" wait --for=condition=Ready istiocni/default istio/default --timeout=3m
    # Ready is said of the control plane as it was a moment ago.
    kubectl --context "$1" rollout status -n istio-system deployment/istiod --timeout=3m
    kubectl --context "$1" apply -f "$WORLD/gateway$2.yaml"
}

gateway() {
    kubectl --context "$1" rollout status -n istio-system deployment/istio-eastwestgateway --timeout=180s
}

together cluster
remote_secrets
together applications
together gateway
kubectl --context "$CTX_CLUSTER2" apply -f "$WORLD/expose.yaml"
kubectl --context "$CTX_CLUSTER1" apply -f "$WORLD/rule.yaml"
