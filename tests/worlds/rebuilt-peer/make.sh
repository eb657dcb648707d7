#!/usr/bin/env bash
# The new cluster2 was told of cluster1, and nobody told cluster1 of the new cluster2.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

mesh by-hand
meshlab rebuild "$CTX_CLUSTER2"
# The stand-in serves the Sail API again a moment later.
kubectl --context "$CTX_CLUSTER2" wait --for=condition=Established --timeout=60s crd/istios.sailoperator.io crd/istiocnis.sailoperator.io
laid_and_trusted "$CTX_CLUSTER2" 2
remote_secret "$CTX_CLUSTER2" "$CTX_CLUSTER1" cluster1 "$API_CLUSTER1"
