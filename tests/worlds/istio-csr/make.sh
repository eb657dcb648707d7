#!/usr/bin/env bash
# istio-csr does not run here: this is what it leaves.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

trust() {
    publish "$1" "$SHARED/quick/root-cert.pem" istio-system sample
}
TRUST=trust
mesh by-hand
