#!/usr/bin/env bash
# mesh1 in istio-system1 and app1, mesh2 in istio-system2 and app2; the second cluster is bare.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

quick_certificates "$SHARED/quick"
trust() { cacerts "$1" "$SHARED/quick/$2" "$SYSTEM"; }
TRUST=trust
# mesh NUMBER: one of the guide's two meshes.
one() {
    local REVISION=mesh$1 SYSTEM=istio-system$1 SAMPLE=app$1
    lay by-hand "$CTX_CLUSTER1" 1 -e "s/istio-system/istio-system$1/g" -e "s/namespace: sample/namespace: app$1/" \
        -e "s/name: sample/name: app$1/" -e "/^kind: Istio\\(Revision\\)\\?$/,/^---/s/name: default/name: mesh$1/" \
        -e "s/revision: ''/revision: mesh$1/" -e "s/activeRevisionName: default/activeRevisionName: mesh$1/"
    kubectl --context "$CTX_CLUSTER1" label namespace "istio-system$1" "app$1" "mesh=mesh$1" --overwrite
    kubectl --context "$CTX_CLUSTER1" patch istio "mesh$1" --type=merge \
        -p "{\"spec\":{\"values\":{\"meshConfig\":{\"discoverySelectors\":[{\"matchLabels\":{\"mesh\":\"mesh$1\"}}]}}}}"
    publish "$CTX_CLUSTER1" "$SHARED/quick/root-cert.pem" "istio-system$1" "app$1"
}
one 1
one 2
