#!/usr/bin/env bash
# istio-ca-secret instead of cacerts in both clusters.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

trust() {
    quick_root "own$2" "Own Root $2"
    own_root "$1" "own$2"
    publish "$1" "own$2/root-cert.pem" istio-system sample
}
TRUST=trust
mesh by-hand
