#!/usr/bin/env bash
# istio-ca-secret and what is published are of istiod's own root; cacerts exists beside it.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

quick_root own 'cluster.local'
trust() {
    if [ "$2" = 1 ]; then
        own_root "$1" own
        publish "$1" own/root-cert.pem istio-system sample
    else
        trusted "$1" "$2"
    fi
}
TRUST=trust
mesh by-hand
cacerts "$CTX_CLUSTER1" "$SHARED/quick/1"
