//! A stand-in for the Sail operator: a test double for the lab, never part of the product.
//!
//! It serves the Sail API as the real operator does (Istio, IstioCNI, IstioRevision and IstioRevisionTag, their
//! statuses with the same reasons, messages and order) by installing Istio's own charts with Helm. What it leaves out:
//! ZTunnel and a remote istiod are not installed, every version that may be asked for installs the one set of charts it
//! was given, and chart objects carry no owner reference.

mod cni;
mod crds;
mod dependencies;
mod fault;
mod helm;
mod istio;
mod lock;
mod operator;
mod revision;
mod sail;
mod status;
mod tag;
mod traps;
mod values;
mod versions;
mod watches;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::{operator::Operator, sail::Served};

/// A stand-in for the Sail operator, for the lab alone.
#[derive(Debug, Parser)]
#[command(name = "sail-stand-in", version)]
struct Arguments {
    /// Kubeconfig of the cluster it works in.
    #[arg(long, value_name = "FILE")]
    kubeconfig: PathBuf,
    /// Istio's charts: the folder `manifests/charts` of its module.
    #[arg(long, value_name = "DIR")]
    charts: PathBuf,
    /// The helm binary.
    #[arg(long, value_name = "PATH")]
    helm: PathBuf,
    /// Every *.yaml of this folder is installed instead of the stand-in's own CRDs.
    #[arg(long, value_name = "DIR")]
    crds: Option<PathBuf>,
    /// Installs the CRDs and the operator's namespace, and then does nothing for ever.
    #[arg(long)]
    crds_only: bool,
    /// Version at which the Sail API is served.
    #[arg(long, value_enum, default_value_t = Served::V1)]
    api: Served,
    /// Whether the passing errors and the second of false readiness that the real operator shows are shown too.
    #[arg(long, value_enum, default_value_t = traps::Traps::On)]
    traps: traps::Traps,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info,kube=warn".into()),
        )
        .init();
    let arguments = Arguments::parse();
    let mut ended = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    tokio::select! {
        result = run(arguments) => result,
        _ = ended.recv() => Ok(()),
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let helm = helm::Helm::prepare(&arguments.helm, &arguments.charts, &arguments.kubeconfig)?;
    let patient = sail::client(&arguments.kubeconfig, true).await?;
    crds::install(&patient, arguments.api, arguments.crds.as_deref(), &arguments.charts).await?;
    Operator::prepare_namespace(patient).await?;
    if arguments.crds_only {
        tracing::info!(api = %arguments.api, "the Sail API is served and nothing acts on it");
        return std::future::pending().await;
    }
    let client = sail::client(&arguments.kubeconfig, false).await?;
    let operator = Operator::new(client, arguments.api, helm, arguments.traps);
    tracing::info!(api = %arguments.api, traps = ?arguments.traps, "the stand-in for the Sail operator is ready");
    operator.work().await
}
