# How recorded worlds are laid: objects with their status on API servers alone. Certificates are made afresh, tokens by the cluster.
# live.sh, at the end, has the same steps for whole clusters.
# shellcheck shell=bash
# shellcheck source=steps.sh
. "$WORLDS/steps.sh"

# quick_root FOLDER NAME: a root by openssl, with a key that is quick to make.
quick_root() {
    mkdir -p "$1"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/O=Istio/CN=$2" \
        -addext 'keyUsage=critical,digitalSignature,keyCertSign,cRLSign' \
        -keyout "$1/root-key.pem" -out "$1/root-cert.pem" 2>/dev/null
}

# quick_intermediate FOLDER ROOT NAME: an intermediate of the root in folder ROOT, in the four files of istiod's own form.
quick_intermediate() {
    mkdir -p "$1"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/O=Istio/CN=Intermediate CA/L=$3" \
        -keyout "$1/ca-key.pem" -out "$1/request.pem" 2>/dev/null
    openssl x509 -req -days 3650 -in "$1/request.pem" -CA "$2/root-cert.pem" -CAkey "$2/root-key.pem" -CAcreateserial \
        -out "$1/ca-cert.pem" -extfile <(
        printf '%s\n' basicConstraints=critical,CA:TRUE,pathlen:0 keyUsage=critical,digitalSignature,keyCertSign,cRLSign \
            subjectKeyIdentifier=hash authorityKeyIdentifier=keyid subjectAltName=DNS:istiod.istio-system.svc
    ) 2>/dev/null
    cat "$1/ca-cert.pem" "$2/root-cert.pem" >"$1/cert-chain.pem"
    cp "$2/root-cert.pem" "$1/root-cert.pem"
}

# quick_certificates FOLDER: one root, and an intermediate for each cluster in FOLDER/1 and FOLDER/2.
quick_certificates() {
    [ ! -e "$1/2/cert-chain.pem" ] || return 0
    quick_root "$1" 'Root CA'
    quick_intermediate "$1/1" "$1" cluster1
    quick_intermediate "$1/2" "$1" cluster2
}

# lay RECORDING CONTEXT NUMBER [SED…]: the objects, then what was in their status; sed may change both on the way.
lay() {
    local recording=$WORLDS/recordings/$1/$3 context=$2
    shift 3
    sed "$@" -e '' "$recording.yaml" | kubectl --context "$context" apply --server-side --field-manager=kubectl-client-side-apply -f -
    sed "$@" -e '' "$recording.status.yaml" |
        kubectl --context "$context" apply --server-side --subresource=status --field-manager=recording -f -
}

# cacerts CONTEXT FOLDER [NAMESPACE]: the Secret, in istiod's own form.
cacerts() {
    kubectl --context "$1" create secret generic cacerts -n "${3:-istio-system}" \
        --from-file="$2/ca-cert.pem" --from-file="$2/ca-key.pem" \
        --from-file="$2/root-cert.pem" --from-file="$2/cert-chain.pem"
}

# own_root CONTEXT FOLDER: the Secret in which istiod keeps a root that it made for itself.
# Its form: istio/istio security/pkg/pki/ca/ca.go.
own_root() {
    kubectl --context "$1" create secret generic istio-ca-secret -n istio-system --type=istio.io/ca-root \
        --from-file="ca-cert.pem=$2/root-cert.pem" --from-file="ca-key.pem=$2/root-key.pem" \
        --from-file="root-cert.pem=$2/root-cert.pem" --from-literal=cert-chain.pem= --from-literal=key.pem=
}

# publish CONTEXT FILE NAMESPACE…: the bundle that istiod writes into each namespace that it governs.
publish() {
    local context=$1 file=$2 namespace
    shift 2
    for namespace in "$@"; do
        kubectl --context "$context" create configmap istio-ca-root-cert -n "$namespace" --from-file="root-cert.pem=$file"
    done
}

# remote_secret READER CONTEXT NAME SERVER [NAMESPACE]: what istioctl makes of the peer's reader account, given to the reader.
remote_secret() {
    istioctl create-remote-secret --context="$2" --name="$3" --server="$4" --create-service-account=false \
        --istioNamespace="${5:-istio-system}" --namespace="${5:-istio-system}" | kubectl apply -f - --context="$1"
}

# trusted CONTEXT NUMBER: cacerts of one root, and that root as istiod publishes it.
trusted() {
    cacerts "$1" "$SHARED/quick/$2"
    publish "$1" "$SHARED/quick/root-cert.pem" istio-system sample
}

laid_and_trusted() {
    lay "$RECORDING" "$1" "$2" "${CHANGES[@]}"
    ${TRUST-trusted} "$1" "$2"
}

# mesh RECORDING [SED…]: the recording in both clusters, one root, and each cluster reads the other.
mesh() {
    RECORDING=$1
    shift
    CHANGES=("$@")
    quick_certificates "$SHARED/quick"
    together laid_and_trusted
    registered
}

registered() {
    remote_secret "$CTX_CLUSTER1" "$CTX_CLUSTER2" cluster2 "$API_CLUSTER2" "${SYSTEM:-istio-system}" &
    local first=$!
    remote_secret "$CTX_CLUSTER2" "$CTX_CLUSTER1" cluster1 "$API_CLUSTER1" "${SYSTEM:-istio-system}"
    wait "$first"
}

# configured CONTEXT ISTIO PATCH: another spec, already observed by the operator.
configured() {
    kubectl --context "$1" patch istio "$2" --type=merge -p "$3"
    kubectl --context "$1" patch istio "$2" --subresource=status --type=merge -p '{"status":{"observedGeneration":2}}'
}

# address CONTEXT NAMESPACE SERVICE ADDRESS: what its load balancer got.
address() {
    kubectl --context "$1" patch service -n "$2" "$3" --subresource=status --type=merge \
        -p "{\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"$4\"}]}}}"
}

# no_address CONTEXT NAMESPACE SERVICE: it no longer has a load balancer.
no_address() {
    kubectl --context "$1" patch service -n "$2" "$3" --subresource=status --type=merge -p '{"status":{"loadBalancer":null}}'
}

# default_tag CONTEXT ISTIO: the tag by which an Istio of another revision than the default one governs whoever asks for that, and
# which alone has the operator install the base chart, with the reader account.
default_tag() {
    kubectl --context "$1" apply -f - <<END
apiVersion: sailoperator.io/v1
kind: IstioRevisionTag
metadata:
  name: default
spec:
  targetRef:
    kind: Istio
    name: $2
END
    tag_installed "$1" "$2"
}

tag_installed() {
    kubectl --context "$1" patch istiorevisiontag default --subresource=status --type=merge -p "{\"status\":{
        \"observedGeneration\":1,\"state\":\"Healthy\",\"istioRevision\":\"$2\",\"istiodNamespace\":\"${SYSTEM:-istio-system}\"}}"
}

# available CONTEXT NAMESPACE DEPLOYMENT: its pod runs.
available() {
    kubectl --context "$1" patch deployment -n "$2" "$3" --subresource=status --type=merge \
        -p '{"status":{"observedGeneration":1,"replicas":1,"readyReplicas":1,"availableReplicas":1,"updatedReplicas":1}}'
}

if [ "$KIND" = live ]; then
    # shellcheck source=tests/worlds/live.sh
    . "$WORLDS/live.sh"
fi
