#!/usr/bin/env bash
# type NodePort and the annotation by which istiod takes nodes' addresses.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

mesh by-hand
node_port() {
    kubectl --context "$1" annotate service -n istio-system istio-eastwestgateway 'traffic.istio.io/nodeSelector={}'
    kubectl --context "$1" patch service -n istio-system istio-eastwestgateway --type=merge -p '{"spec":{"type":"NodePort"}}'
    no_address "$1" istio-system istio-eastwestgateway
}
together node_port
