#!/usr/bin/env bash
# "Install Multi-Primary on different networks", the Helm tabs, with plug-in CA certificates; the gateway by Helm's gateway chart in
# a namespace of its own, as "Installing Gateways" recommends.
set -euo pipefail
# shellcheck source=../steps.sh
. "$WORLDS/steps.sh"

certificates "$SHARED/certificates"
helm repo add istio https://istio-release.storage.googleapis.com/charts
helm repo update

cluster() {
    push_cacerts "$1" "$2"
    helm install istio-base istio/base -n istio-system --kube-context "$1"
    helm install istiod istio/istiod -n istio-system --kube-context "$1" \
        --set global.meshID=mesh1 --set "global.multiCluster.clusterName=cluster$2" --set "global.network=network$2" \
        --wait --timeout 3m
    kubectl --context "$1" create namespace istio-ingress
    helm install istio-eastwestgateway istio/gateway -n istio-ingress --kube-context "$1" \
        --set name=istio-eastwestgateway --set "networkGateway=network$2"
    kubectl --context "$1" apply -n istio-system -f "$MESHLAB_ISTIO/samples/multicluster/expose-services.yaml"
}

gateway() {
    kubectl --context "$1" rollout status -n istio-ingress deployment/istio-eastwestgateway --timeout=180s
}

together cluster
remote_secrets
together applications
together gateway
