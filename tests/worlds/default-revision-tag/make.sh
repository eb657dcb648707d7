#!/usr/bin/env bash
# The tag is there before the first workload, as the guide has it.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

SPEC='{"spec":{"updateStrategy":{"type":"RevisionBased"}}}'
prepared() {
    kubectl --context "$1" apply -f - <<END
apiVersion: sailoperator.io/v1
kind: IstioRevisionTag
metadata:
  name: default
spec:
  targetRef:
    kind: Istio
    name: default
END
    kubectl --context "$1" wait --for=condition=Ready istiorevisiontag/default --timeout=3m
}
mesh by-hand
