#!/usr/bin/env bash
# A mesh of two fresh clusters as people make it: kubectl, openssl and istioctl, one cluster after the other. It begins and
# ends where `kubectl mesh-mc join` does. tests/benches/by-hand.sh CONTEXT CONTEXT
#
# STARTUP_PROBE=1 gives the gateways the start-up probe that a join gives them; people do not, and wait for it.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
umask 077

begun=$(date +%s%N)
tell() { printf '%5.1f s  %s\n' "$(($(date +%s%N) - begun))e-9" "$*"; }

cat >ca.cnf <<'END'
[req]
distinguished_name = dn
prompt = no
[dn]
O = Istio
CN = Root CA
[root]
subjectKeyIdentifier = hash
basicConstraints = critical,CA:true
keyUsage = critical,digitalSignature,nonRepudiation,keyEncipherment,keyCertSign
[intermediate]
subjectKeyIdentifier = hash
basicConstraints = critical,CA:true,pathlen:0
keyUsage = critical,digitalSignature,nonRepudiation,keyEncipherment,keyCertSign
subjectAltName = DNS:istiod.istio-system.svc
END

openssl genrsa -out root-key.pem 4096 2>/dev/null
openssl req -x509 -sha256 -new -key root-key.pem -days 3650 -config ca.cnf -extensions root -out root-cert.pem
for context in "$@"; do
    mkdir "$context"
    openssl genrsa -out "$context/ca-key.pem" 4096 2>/dev/null
    openssl req -new -key "$context/ca-key.pem" -subj "/O=Istio/CN=Intermediate CA/L=$context" -config ca.cnf \
        -out "$context/ca.csr"
    openssl x509 -req -sha256 -days 3650 -CA root-cert.pem -CAkey root-key.pem -CAcreateserial -in "$context/ca.csr" \
        -extfile ca.cnf -extensions intermediate -out "$context/ca-cert.pem" 2>/dev/null
    cat "$context/ca-cert.pem" root-cert.pem >"$context/cert-chain.pem"
done
tell certificates

probe=
if [ -n "${STARTUP_PROBE:-}" ]; then
    probe='startupProbe: {httpGet: {path: /healthz/ready, port: 15021}, periodSeconds: 1, timeoutSeconds: 3, failureThreshold: 600}'
fi

for context in "$@"; do
    kubectl() { command kubectl --context "$context" "$@"; }
    network=network-$context
    kubectl create namespace istio-system
    kubectl label namespace istio-system "topology.istio.io/network=$network"
    kubectl create secret generic cacerts -n istio-system --from-file="$context/ca-cert.pem" \
        --from-file="$context/ca-key.pem" --from-file=root-cert.pem --from-file="$context/cert-chain.pem"
    kubectl create namespace istio-cni
    kubectl apply -f - <<END
apiVersion: sailoperator.io/v1
kind: IstioCNI
metadata: {name: default}
spec: {namespace: istio-cni}
---
apiVersion: sailoperator.io/v1
kind: Istio
metadata: {name: default}
spec:
  namespace: istio-system
  values:
    global: {meshID: mesh1, network: $network, multiCluster: {clusterName: $context}}
    pilot: {cni: {enabled: true}}
END
    kubectl wait --for=condition=Ready istiocni/default istio/default --timeout=3m
    tell "$context: control plane"
    kubectl apply -f - <<END
apiVersion: v1
kind: ServiceAccount
metadata: {name: istio-eastwestgateway, namespace: istio-system}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: istio-eastwestgateway
  namespace: istio-system
  labels: {istio: eastwestgateway, app: istio-eastwestgateway, topology.istio.io/network: $network}
spec:
  selector: {matchLabels: {istio: eastwestgateway}}
  template:
    metadata:
      annotations: {inject.istio.io/templates: gateway}
      labels:
        istio: eastwestgateway
        app: istio-eastwestgateway
        sidecar.istio.io/inject: "true"
        topology.istio.io/network: $network
    spec:
      serviceAccountName: istio-eastwestgateway
      containers:
      - name: istio-proxy
        image: auto
        imagePullPolicy: IfNotPresent
        env: [{name: ISTIO_META_REQUESTED_NETWORK_VIEW, value: $network}]
        $probe
---
apiVersion: v1
kind: Service
metadata:
  name: istio-eastwestgateway
  namespace: istio-system
  labels: {istio: eastwestgateway, app: istio-eastwestgateway, topology.istio.io/network: $network}
spec:
  type: LoadBalancer
  selector: {istio: eastwestgateway}
  ports:
  - {name: status-port, port: 15021}
  - {name: tls, port: 15443}
  - {name: tls-istiod, port: 15012}
  - {name: tls-webhook, port: 15017}
END
    unset -f kubectl
done
tell gateways asked for

# The kubeconfig's address is this machine's own: peers need the one that the cluster gives its API server.
address() {
    kubectl --context "$1" get endpoints kubernetes -n default \
        -o jsonpath='https://{.subsets[0].addresses[0].ip}:{.subsets[0].ports[0].port}' 2>/dev/null
}
for context in "$@"; do
    istioctl create-remote-secret --context "$context" --name "$context" --server "$(address "$context")" >"$context/secret.yaml"
    for reader in "$@"; do
        [ "$reader" = "$context" ] || kubectl --context "$reader" apply -f "$context/secret.yaml"
    done
done
tell remote secrets

for context in "$@"; do
    kubectl --context "$context" rollout status deployment/istio-eastwestgateway -n istio-system --timeout=3m
    kubectl --context "$context" wait --for=jsonpath='{.status.loadBalancer.ingress}' \
        service/istio-eastwestgateway -n istio-system --timeout=3m
done
tell gateways available
for context in "$@"; do
    istioctl --context "$context" remote-clusters
done
tell the mesh stands
