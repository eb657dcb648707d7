#!/usr/bin/env bash
# istio-prod instead of istio-system.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

trust() {
    cacerts "$1" "$SHARED/quick/$2" istio-prod
    publish "$1" "$SHARED/quick/root-cert.pem" istio-prod sample
}
prepared() { default_tag "$1" prod; }
TRUST=trust SYSTEM=istio-prod REVISION=prod
mesh by-hand -e 's/istio-system/istio-prod/g' -e '/^kind: Istio\(Revision\)\?$/,/^---/s/name: default/name: prod/' \
    -e "s/revision: ''/revision: prod/" -e 's/activeRevisionName: default/activeRevisionName: prod/'
if [ "$KIND" = recorded ]; then together prepared; fi
