#!/usr/bin/env bash
# Both sign by the first root and trust both.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

quick_root "$SHARED/second" 'Second Root CA'
trust() {
    quick_intermediate "$2" "$SHARED/quick" "cluster$2"
    if [ "$2" = 1 ]; then
        cat "$SHARED/quick/root-cert.pem" "$SHARED/second/root-cert.pem" >1/root-cert.pem
    else
        cat "$SHARED/second/root-cert.pem" "$SHARED/quick/root-cert.pem" >2/root-cert.pem
    fi
    cacerts "$1" "$2"
    publish "$1" "$2/root-cert.pem" istio-system sample
}
TRUST=trust
mesh by-hand
