#!/usr/bin/env bash
# cluster1 trusts two roots and signs by the second; cluster2 trusts the first alone.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

quick_root "$SHARED/second" 'Second Root CA'
trust() {
    if [ "$2" = 1 ]; then
        quick_intermediate 1 "$SHARED/second" cluster1
        cat "$SHARED/quick/root-cert.pem" "$SHARED/second/root-cert.pem" >1/root-cert.pem
        cacerts "$1" 1
        publish "$1" 1/root-cert.pem istio-system sample
    else
        trusted "$1" "$2"
    fi
}
TRUST=trust
mesh by-hand
