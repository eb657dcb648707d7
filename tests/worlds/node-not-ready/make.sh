#!/usr/bin/env bash
# A Node without a kubelet; IstioCNI is as recorded.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

mesh by-hand
kubectl --context "$CTX_CLUSTER1" apply -f - <<END
apiVersion: v1
kind: Node
metadata:
  name: east-node-2
  labels:
    kubernetes.io/os: linux
    topology.kubernetes.io/region: east-region
    topology.kubernetes.io/zone: east-region-a
END
kubectl --context "$CTX_CLUSTER1" patch node east-node-2 --subresource=status --type=merge \
    -p '{"status":{"conditions":[{"type":"Ready","status":"Unknown","reason":"NodeStatusUnknown"}]}}'
