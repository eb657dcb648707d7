#!/usr/bin/env bash
# The address is the same, the authority another.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

before() {
    remote_secret "$CTX_CLUSTER2" "$CTX_CLUSTER1" cluster1 "$API_CLUSTER1"
    quick_root before kubernetes
    istioctl create-remote-secret --context="$CTX_CLUSTER2" --name=cluster2 --server="$API_CLUSTER2" --create-service-account=false |
        sed "s/\(certificate-authority-data: \).*/\1$(base64 -w 0 before/root-cert.pem)/" |
        kubectl apply -f - --context="$CTX_CLUSTER1"
}
if [ "$KIND" = recorded ]; then
    registered() { before; }
    mesh by-hand
else
    mesh by-hand
    meshlab rebuild "$CTX_CLUSTER2"
    member "$CTX_CLUSTER2" 2
    remote_secret "$CTX_CLUSTER2" "$CTX_CLUSTER1" cluster1 "$API_CLUSTER1"
fi
