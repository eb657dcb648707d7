//! The keys and certificates of a cluster, new for every lab.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use crate::build::hex;
use crate::spec::Cluster;

/// A certificate and its key, both as PEM.
pub(crate) struct Identity {
    /// The certificate.
    pub(crate) certificate: String,
    /// Its key, PKCS#8.
    pub(crate) key: String,
}

/// For how long a certificate is good, counted from a given time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Validity {
    from: OffsetDateTime,
    until: OffsetDateTime,
}

impl Validity {
    /// From an hour ago, for clocks that differ, to a month from now: no lab lives longer.
    pub(crate) fn current(now: OffsetDateTime) -> Self {
        Self { from: now - Duration::hours(1), until: now + Duration::days(30) }
    }

    /// Over since an hour.
    pub(crate) fn expired(now: OffsetDateTime) -> Self {
        Self { from: now - Duration::days(2), until: now - Duration::hours(1) }
    }
}

/// A certificate authority of a cluster.
pub(crate) struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

impl Authority {
    /// A new one.
    fn new(name: &str, validity: Validity) -> Result<(Self, Identity)> {
        let key = KeyPair::generate()?;
        let params = Self::params(name, validity);
        let identity = Identity { certificate: params.self_signed(&key)?.pem(), key: key.serialize_pem() };
        Ok((Self { params, key }, identity))
    }

    /// The one that signs the client certificates of a cluster whose files are in `folder`.
    pub(crate) fn of_clients(cluster: &Cluster, folder: &Path) -> Result<Self> {
        Self::read(&client_authority(cluster), &folder.join("ca.key"))
    }

    fn read(name: &str, key: &Path) -> Result<Self> {
        let key = fs::read_to_string(key).with_context(|| format!("{}", key.display()))?;
        let params = Self::params(name, Validity::current(OffsetDateTime::now_utc()));
        Ok(Self { params, key: KeyPair::from_pem(&key)? })
    }

    fn params(name: &str, validity: Validity) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = subject(name, None);
        params.not_before = validity.from;
        params.not_after = validity.until;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        params
    }

    /// Signs a certificate with a new key, good for clients and servers alike.
    pub(crate) fn issue(
        &self,
        name: &str,
        group: Option<&str>,
        names: &[SanType],
        validity: Validity,
    ) -> Result<Identity> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = subject(name, group);
        params.subject_alt_names = names.to_vec();
        params.not_before = validity.from;
        params.not_after = validity.until;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let issuer = Issuer::from_params(&self.params, &self.key);
        Ok(Identity { certificate: params.signed_by(&key, &issuer)?.pem(), key: key.serialize_pem() })
    }
}

fn client_authority(cluster: &Cluster) -> String {
    format!("{}-ca", cluster.name)
}

fn subject(name: &str, group: Option<&str>) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    if let Some(group) = group {
        subject.push(DnType::OrganizationName, group);
    }
    subject.push(DnType::CommonName, name);
    subject
}

/// The authority of the lab that is no cluster's, by the names of its files in the folder of the lab and in those of clusters.
pub(crate) const PUBLIC: &str = "public-ca";
/// The certificate of a cluster's TLS front and its key, by the names of their files.
pub(crate) const TLS_FRONT: &str = "tls-front";
/// The tokens that an API server behind a front takes, by the name of their file.
pub(crate) const TOKENS: &str = "tokens.csv";

/// Makes the authority that is no cluster's, as those are that the whole world trusts.
pub(crate) fn make_public(folder: &Path, now: OffsetDateTime) -> Result<()> {
    let (_, files) = Authority::new(PUBLIC, Validity::current(now))?;
    write(folder, PUBLIC, &files)
}

/// Makes what a TLS front and who comes through it need. `lab` is the folder of the authority that is no cluster's.
fn make_front(cluster: &Cluster, folder: &Path, lab: &Path, validity: Validity) -> Result<()> {
    let public = Authority::read(PUBLIC, &lab.join(format!("{PUBLIC}.key")))?;
    let certificate = format!("{PUBLIC}.crt");
    fs::copy(lab.join(&certificate), folder.join(&certificate))?;
    let names = [
        SanType::IpAddress(cluster.address().into()),
        SanType::IpAddress(Ipv4Addr::LOCALHOST.into()),
        SanType::DnsName(format!("api.{}.test", cluster.name).try_into()?),
    ];
    write(folder, TLS_FRONT, &public.issue(TLS_FRONT, None, &names, validity)?)?;
    let token = hex(&Sha256::digest(KeyPair::generate()?.serialize_der()));
    Ok(fs::write(folder.join(TOKENS), format!("{token},admin,admin,system:masters\n"))?)
}

/// The token of the administrator of a cluster behind a front.
pub(crate) fn token(folder: &Path) -> Result<String> {
    let path = folder.join(TOKENS);
    let tokens = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
    Ok(tokens.split(',').next().unwrap_or_default().to_owned())
}

/// Makes everything that the components of a cluster need, as files in `folder`: `NAME.crt` and `NAME.key`. `lab` is the folder of
/// the authority that is no cluster's.
pub(crate) fn make(cluster: &Cluster, folder: &Path, lab: &Path, now: OffsetDateTime) -> Result<()> {
    fs::create_dir_all(folder)?;
    let validity = Validity::current(now);
    let address = |ip: Ipv4Addr| SanType::IpAddress(IpAddr::V4(ip));
    let host = |name: &str| anyhow::Ok(SanType::DnsName(name.try_into()?));

    let (ca, ca_files) = Authority::new(&client_authority(cluster), validity)?;
    let (front, front_files) = Authority::new(&format!("{}-front-ca", cluster.name), validity)?;
    write(folder, "ca", &ca_files)?;
    write(folder, "front-ca", &front_files)?;

    let accounts = KeyPair::generate()?;
    fs::write(folder.join("sa.key"), accounts.serialize_pem())?;
    fs::write(folder.join("sa.pub"), accounts.public_key_pem())?;

    let server = [
        address(cluster.address()),
        address(Ipv4Addr::LOCALHOST),
        address(Ipv4Addr::new(10, 96, 0, 1)),
        host("kubernetes")?,
        host("kubernetes.default")?,
        host("kubernetes.default.svc")?,
        host(&format!("kubernetes.default.svc.{}", cluster.domain))?,
        host("localhost")?,
    ];
    let node = [address(cluster.address()), host(&cluster.node())?];
    let node_user = format!("system:node:{}", cluster.node());
    let issued: [(&str, &str, Option<&str>, &[SanType]); 7] = [
        ("apiserver", "kube-apiserver", None, &server),
        ("admin", "admin", Some("system:masters"), &[]),
        ("kube-controller-manager", "system:kube-controller-manager", None, &[]),
        ("kube-scheduler", "system:kube-scheduler", None, &[]),
        ("kubelet", &node_user, Some("system:nodes"), &node),
        ("kube-proxy", "system:kube-proxy", None, &[]),
        ("apiserver-kubelet", "apiserver-kubelet", Some("system:masters"), &[]),
    ];
    for (file, name, group, names) in issued {
        write(folder, file, &ca.issue(name, group, names, validity)?)?;
    }
    if cluster.tls_front {
        make_front(cluster, folder, lab, validity)?;
    }
    write(folder, "front", &front.issue("front-proxy", None, &[], validity)?)
}

fn write(folder: &Path, name: &str, identity: &Identity) -> Result<()> {
    fs::write(folder.join(format!("{name}.crt")), &identity.certificate)?;
    fs::write(folder.join(format!("{name}.key")), &identity.key)?;
    Ok(())
}
