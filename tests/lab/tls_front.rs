//! A front before an API server, as clouds and Rancher have one: it ends TLS with a certificate that is not of the
//! cluster's authority, and carries what is in it to the API server. A client certificate does not get through.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::pki::TLS_FRONT;
use crate::spec::API_PORT;

/// Takes connections for ever; the files of `pki` say who it is, and who the API server is.
pub(crate) async fn run(pki: &Path, listen: SocketAddr) -> Result<()> {
    let outside = TlsAcceptor::from(Arc::new(server(pki)?));
    let inside = Arc::new(client(pki)?);
    let listener = TcpListener::bind(listen).await.with_context(|| format!("listen at {listen}"))?;
    loop {
        let (connection, _) = listener.accept().await?;
        let (outside, inside) = (outside.clone(), Arc::clone(&inside));
        tokio::spawn(async move {
            if let Err(error) = carry(connection, &outside, &inside).await {
                tracing::warn!("{error:#}");
            }
        });
    }
}

fn server(pki: &Path) -> Result<ServerConfig> {
    let file = |end: &str| pki.join(format!("{TLS_FRONT}.{end}"));
    let chain = CertificateDer::pem_file_iter(file("crt"))?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(file("key"))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = ["h2", "http/1.1"].map(|name| name.as_bytes().to_vec()).to_vec();
    Ok(config)
}

fn client(pki: &Path) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pki.join("ca.crt"))?)?;
    Ok(ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

async fn carry(connection: TcpStream, outside: &TlsAcceptor, inside: &ClientConfig) -> Result<()> {
    let mut outside = outside.accept(connection).await.context("a client")?;
    // Both sides speak the same protocol, since nothing is translated.
    let mut config = inside.clone();
    config.alpn_protocols = outside.get_ref().1.alpn_protocol().map(<[u8]>::to_vec).into_iter().collect();
    let api = TcpStream::connect((Ipv4Addr::LOCALHOST, API_PORT)).await.context("the API server")?;
    let name = ServerName::IpAddress(Ipv4Addr::LOCALHOST.into());
    let mut inside = TlsConnector::from(Arc::new(config)).connect(name, api).await.context("the API server")?;
    // Who goes away without a word is none of the front's business.
    let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
    Ok(())
}
