#!/usr/bin/env bash
# Two clusters with the operator, and a quota that came before the mesh.
set -euo pipefail
# shellcheck source=../steps.sh
. "$WORLDS/steps.sh"

quota() {
    kubectl --context "$1" create namespace istio-system
    kubectl --context "$1" create quota cpu -n istio-system --hard=requests.cpu=4
}
together quota
