#!/usr/bin/env bash
# cert-manager does not run here: this is what it leaves.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

trust() {
    local from=$SHARED/quick/$2
    kubectl --context "$1" apply --server-side --field-manager=cert-manager-certificates-issuing -f - <<END
apiVersion: v1
kind: Secret
metadata:
  name: cacerts
  namespace: istio-system
  annotations:
    cert-manager.io/certificate-name: cacerts
    cert-manager.io/issuer-kind: ClusterIssuer
    cert-manager.io/issuer-name: root
type: kubernetes.io/tls
data:
  tls.crt: $(base64 -w 0 "$from/ca-cert.pem")
  tls.key: $(base64 -w 0 "$from/ca-key.pem")
  ca.crt: $(base64 -w 0 "$from/root-cert.pem")
END
    publish "$1" "$from/root-cert.pem" istio-system sample
}
TRUST=trust
mesh by-hand
