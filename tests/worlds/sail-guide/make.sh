#!/usr/bin/env bash
# Multi-Primary - Multi-Network of Sail's guide, with its three manifests as they are there. Left out of the manual's commands is
# `version`, since the lab's operator has one set of charts.
set -euo pipefail
# shellcheck source=../steps.sh
. "$WORLDS/steps.sh"

certificates "$SHARED/certificates"

cluster() {
    push_cacerts "$1" "$2"
    kubectl apply --context "$1" -f - <<END
apiVersion: sailoperator.io/v1
kind: Istio
metadata:
  name: default
spec:
  namespace: istio-system
  values:
    global:
      meshID: mesh1
      multiCluster:
        clusterName: cluster$2
      network: network$2
END
    kubectl wait --context "$1" --for=jsonpath='{.status.revisions.ready}'=1 istios/default --timeout=3m
    kubectl apply --context "$1" -f "$WORLD/east-west-gateway-net$2.yaml"
    kubectl --context "$1" apply -n istio-system -f "$WORLD/expose-services.yaml"
}

gateway() {
    kubectl --context "$1" rollout status -n istio-system deployment/istio-eastwestgateway --timeout=180s
}

together cluster
remote_secrets
together applications
together gateway
