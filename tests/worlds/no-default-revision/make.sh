#!/usr/bin/env bash
# The account that the base chart makes is missing, and with it the remote secrets.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

registered() { :; }
REVISION=default-v1-31-0-beta-1
SPEC='{"spec":{"updateStrategy":{"type":"RevisionBased"}}}'
mesh by-hand
revision_based() {
    kubectl --context "$1" delete serviceaccount -n istio-system istio-reader-service-account
    kubectl --context "$1" patch istio default --type=merge -p '{"spec":{"updateStrategy":{"type":"RevisionBased"}}}'
    kubectl --context "$1" patch istio default --subresource=status --type=merge \
        -p '{"status":{"observedGeneration":2,"activeRevisionName":"default-v1-31-0-beta-1"}}'
    kubectl --context "$1" get istiorevision default -o yaml | sed -e '/ownerReferences:/,/uid:/d' \
        -e 's/name: default$/name: default-v1-31-0-beta-1/' -e 's/revision: ""$/revision: default-v1-31-0-beta-1/' \
        -e '/uid:/d' -e '/resourceVersion:/d' | kubectl --context "$1" create -f -
    kubectl --context "$1" delete istiorevision default
}
[ "$KIND" = live ] || together revision_based
