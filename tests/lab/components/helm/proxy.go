package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"time"
)

// hosts are those that Istio publishes its charts at: a chart repository, and registries.
var hosts = []string{"istio-release.storage.googleapis.com", "ghcr.io", "gcr.io", "registry.istio.io"}

// serveInstead answers for these hosts from a folder. Whatever this process asks of others by HTTPS goes through a proxy in it, which
// takes the requests to these hosts itself and carries all else to where it was going. Requests to 127.0.0.1 never ask a proxy.
func serveInstead(folder string) error {
	certificate, err := trusted()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := os.Setenv("HTTPS_PROXY", "http://"+listener.Addr().String()); err != nil {
		return err
	}
	mine := &connections{arrived: make(chan net.Conn), address: listener.Addr()}
	site := tls.NewListener(mine, &tls.Config{Certificates: []tls.Certificate{certificate}})
	go http.Serve(site, published(folder)) // nolint:errcheck
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		connect(w, request, mine)
	})) // nolint:errcheck
	return nil
}

// trusted makes a certificate for the hosts that this process trusts, besides what it trusts anyway.
func trusted() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "charts of the lab"},
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: hosts, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	file, err := os.CreateTemp("", "charts-*.pem")
	if err != nil {
		return tls.Certificate{}, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := pem.Encode(file, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
		return tls.Certificate{}, err
	}
	// The folders of the machine's own authorities are read all the same. It is read once, now.
	if err := os.Setenv("SSL_CERT_FILE", file.Name()); err != nil {
		return tls.Certificate{}, err
	}
	if _, err := x509.SystemCertPool(); err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// connect is a proxy's CONNECT.
func connect(w http.ResponseWriter, request *http.Request, mine *connections) {
	hijacker, ok := w.(http.Hijacker)
	if request.Method != http.MethodConnect || !ok {
		http.Error(w, "only CONNECT", http.StatusMethodNotAllowed)
		return
	}
	var other net.Conn
	ours := isOurs(request.Host)
	if !ours {
		var err error
		if other, err = net.DialTimeout("tcp", request.Host, 30*time.Second); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
	}
	client, _, err := hijacker.Hijack()
	if err != nil {
		return
	}
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		client.Close()
		return
	}
	if ours {
		mine.arrived <- client
		return
	}
	go func() {
		io.Copy(other, client) // nolint:errcheck
		other.Close()
	}()
	io.Copy(client, other) // nolint:errcheck
	client.Close()
}

func isOurs(address string) bool {
	for _, host := range hosts {
		if address == host+":443" {
			return true
		}
	}
	return false
}

// connections are taken from a proxy as a listener takes them from the network.
type connections struct {
	arrived chan net.Conn
	address net.Addr
}

func (c *connections) Accept() (net.Conn, error) { return <-c.arrived, nil }
func (c *connections) Close() error              { return nil }
func (c *connections) Addr() net.Addr            { return c.address }
