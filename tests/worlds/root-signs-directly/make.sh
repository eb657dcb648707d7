#!/usr/bin/env bash
# One root and its key in both clusters.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

quick_root direct 'Root CA'
cp direct/root-cert.pem direct/ca-cert.pem
cp direct/root-key.pem direct/ca-key.pem
: >direct/cert-chain.pem
trust() {
    cacerts "$1" direct
    publish "$1" direct/root-cert.pem istio-system sample
}
TRUST=trust
mesh by-hand
