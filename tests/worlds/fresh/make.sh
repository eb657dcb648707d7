#!/usr/bin/env bash
# Two clusters with the operator and no mesh.
set -euo pipefail
kubectl --context "$CTX_CLUSTER1" get crd istios.sailoperator.io
kubectl --context "$CTX_CLUSTER2" get crd istios.sailoperator.io
