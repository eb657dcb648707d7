# Steps that several worlds share. A world's make.sh sources this; so does the shell in which facts are judged.
# shellcheck shell=bash

# together COMMAND…: runs a function for cluster 1 and cluster 2 at once, each with its context and its number.
together() {
    local first second failed=0
    "$@" "$CTX_CLUSTER1" 1 &
    first=$!
    "$@" "$CTX_CLUSTER2" 2 &
    second=$!
    wait "$first" || failed=1
    wait "$second" || failed=1
    return $failed
}

# certificates FOLDER: a root, and an intermediate for each cluster in FOLDER/1 and FOLDER/2.
# The commands are those of Common Setup in Sail's guide (docs/deployment-models/multicluster.adoc, Apache-2.0).
certificates() (
    [ ! -e "$1/2/cert-chain.pem" ] || return 0
    mkdir -p "$1"
    cd "$1" || exit
    openssl genrsa -out root-key.pem 4096 2>/dev/null
    cat >root-ca.conf <<'END'
[ req ]
encrypt_key = no
prompt = no
utf8 = yes
default_md = sha256
default_bits = 4096
req_extensions = req_ext
x509_extensions = req_ext
distinguished_name = req_dn
[ req_ext ]
subjectKeyIdentifier = hash
basicConstraints = critical, CA:true
keyUsage = critical, digitalSignature, nonRepudiation, keyEncipherment, keyCertSign
[ req_dn ]
O = Istio
CN = Root CA
END
    openssl req -sha256 -new -key root-key.pem -config root-ca.conf -out root-cert.csr
    openssl x509 -req -sha256 -days 3650 -signkey root-key.pem -extensions req_ext -extfile root-ca.conf \
        -in root-cert.csr -out root-cert.pem 2>/dev/null
    for cluster in 1 2; do
        intermediate "$cluster" . "$cluster"
    done
)

# intermediate FOLDER ROOT NAME: an intermediate of the root in folder ROOT, with its own copy of that root.
intermediate() {
    mkdir -p "$1"
    openssl genrsa -out "$1/ca-key.pem" 4096 2>/dev/null
    cat >"$1/intermediate.conf" <<END
[ req ]
encrypt_key = no
prompt = no
utf8 = yes
default_md = sha256
default_bits = 4096
req_extensions = req_ext
x509_extensions = req_ext
distinguished_name = req_dn
[ req_ext ]
subjectKeyIdentifier = hash
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, digitalSignature, nonRepudiation, keyEncipherment, keyCertSign
subjectAltName=@san
[ san ]
DNS.1 = istiod.istio-system.svc
[ req_dn ]
O = Istio
CN = Intermediate CA
L = $3
END
    openssl req -new -config "$1/intermediate.conf" -key "$1/ca-key.pem" -out "$1/cluster-ca.csr"
    openssl x509 -req -sha256 -days 3650 -CA "$2/root-cert.pem" -CAkey "$2/root-key.pem" -CAcreateserial \
        -extensions req_ext -extfile "$1/intermediate.conf" -in "$1/cluster-ca.csr" -out "$1/ca-cert.pem" 2>/dev/null
    cat "$1/ca-cert.pem" "$2/root-cert.pem" >"$1/cert-chain.pem"
    cp "$2/root-cert.pem" "$1/root-cert.pem"
}

# push_cacerts CONTEXT NUMBER: the namespace with its network, and its intermediate. Of the same guide.
push_cacerts() {
    local certificates=$SHARED/certificates
    kubectl get ns istio-system --context "$1" 2>/dev/null || kubectl create namespace istio-system --context "$1"
    kubectl --context "$1" label namespace istio-system "topology.istio.io/network=network$2"
    kubectl create secret generic cacerts -n istio-system --context "$1" \
        --from-file="$certificates/$2/ca-cert.pem" \
        --from-file="$certificates/$2/ca-key.pem" \
        --from-file="$certificates/$2/root-cert.pem" \
        --from-file="$certificates/$2/cert-chain.pem"
}

# remote_secrets: each cluster reads the other. As on kind, the kubeconfig's own address is of no use to the other cluster.
remote_secrets() {
    istioctl create-remote-secret --context="$CTX_CLUSTER1" --name=cluster1 --server="$API_CLUSTER1" |
        kubectl apply -f - --context="$CTX_CLUSTER2"
    istioctl create-remote-secret --context="$CTX_CLUSTER2" --name=cluster2 --server="$API_CLUSTER2" |
        kubectl apply -f - --context="$CTX_CLUSTER1"
}

# applications CONTEXT NUMBER: helloworld v1 in cluster 1 and v2 in cluster 2, and a client in each: what a manual has, from the
# lab's own images.
applications() {
    kubectl --context "$1" apply -f "$APPLICATIONS/client.yaml" -f "$APPLICATIONS/helloworld-v$2.yaml"
    kubectl --context "$1" rollout status -n sample "deployment/helloworld-v$2" --timeout=180s
    kubectl --context "$1" rollout status -n sample deployment/curl --timeout=180s
}

# answers CONTEXT: what helloworld answers to 20 requests of the client there.
answers() {
    # shellcheck disable=SC2016 # the pod's own shell counts
    kubectl --context "$1" exec -n sample deploy/curl -c curl -- sh -c \
        'i=0; while [ $i -lt 20 ]; do curl -sS http://helloworld.sample:5000/hello; i=$((i + 1)); done'
}

# answered_by_peer: what helloworld in cluster 2 answers the client in cluster 1, over the gateway. The one in its own
# cluster is scaled down for that time: the rule in the world by-hand keeps requests at home while it runs.
answered_by_peer() {
    kubectl --context "$CTX_CLUSTER1" scale -n sample deployment/helloworld-v1 --replicas=0 >/dev/null
    kubectl --context "$CTX_CLUSTER1" wait -n sample --for=delete pods -l app=helloworld --timeout=60s >/dev/null
    answers "$CTX_CLUSTER1" 2>&1
    kubectl --context "$CTX_CLUSTER1" scale -n sample deployment/helloworld-v1 --replicas=1 >/dev/null
    kubectl --context "$CTX_CLUSTER1" rollout status -n sample deployment/helloworld-v1 --timeout=60s >/dev/null
}
