#!/usr/bin/env bash
# The label is on the pods alone, and both control planes have meshNetworks.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

mesh by-hand
nat() {
    kubectl --context "$1" label service -n istio-system istio-eastwestgateway topology.istio.io/network-
    configured "$1" default '{"spec":{"values":{"global":{"meshNetworks":{
        "network1":{"endpoints":[{"fromRegistry":"cluster1"}],"gateways":[{"address":"203.0.113.1","port":15443}]},
        "network2":{"endpoints":[{"fromRegistry":"cluster2"}],"gateways":[{"address":"203.0.113.2","port":15443}]}}}}}}'
}
together nat
