#!/usr/bin/env bash
# mesh1 in istio-system1 and app1, mesh2 in istio-system2 and app2; the second cluster is bare.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

quick_certificates "$SHARED/quick"
trust() { cacerts "$1" "$SHARED/quick/$2" "$SYSTEM"; }
TRUST=trust
# prepared CONTEXT: the namespaces that a mesh's discoverySelectors name, before its pods: istiod writes its root into no other.
prepared() {
    kubectl --context "$1" create namespace "$SAMPLE"
    kubectl --context "$1" label namespace "$SYSTEM" "$SAMPLE" "mesh=$REVISION"
}
# one NUMBER: one of the guide's two meshes.
one() {
    local REVISION=mesh$1 SYSTEM=istio-system$1 SAMPLE=app$1 SPEC
    SPEC="{\"spec\":{\"values\":{\"meshConfig\":{\"discoverySelectors\":[{\"matchLabels\":{\"mesh\":\"mesh$1\"}}]}}}}"
    lay by-hand "$CTX_CLUSTER1" 1 -e "s/istio-system/istio-system$1/g" -e "s/namespace: sample/namespace: app$1/" \
        -e "s/name: sample/name: app$1/" -e "/^kind: Istio\\(Revision\\)\\?$/,/^---/s/name: default/name: mesh$1/" \
        -e "s/revision: ''/revision: mesh$1/" -e "s/activeRevisionName: default/activeRevisionName: mesh$1/"
    if [ "$KIND" = recorded ]; then
        kubectl --context "$CTX_CLUSTER1" label namespace "$SYSTEM" "$SAMPLE" "mesh=mesh$1" --overwrite
        configured "$CTX_CLUSTER1" "mesh$1" "$SPEC"
        trust "$CTX_CLUSTER1" 1
        publish "$CTX_CLUSTER1" "$SHARED/quick/root-cert.pem" "$SYSTEM" "$SAMPLE"
    fi
}
one 1
one 2
