//! A command inside a container: text in by stdin, text out, at its end or as it arrives.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::AttachParams;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::api_fault::{clean, clean_lines};
use super::context::Cluster;
use super::request::place;
use crate::plugin::error::{Error, Result};

/// More output than any command of ours writes.
const LARGEST_OUTPUT: u64 = 4 << 20;

/// How long a command that we leave may take to notice that its stdin has ended.
const FAREWELL: Duration = Duration::from_secs(2);

/// What runs where.
#[derive(Debug, Clone, Copy)]
pub struct Command<'a> {
    /// Namespace of the pod.
    pub namespace: &'a str,
    pub pod: &'a str,
    pub container: &'a str,
    /// Program and arguments. Many can see them: no credential belongs here.
    pub argv: &'a [&'a str],
}

/// Runs the command, writes `stdin` to it, and returns its output without control characters other than line ends.
///
/// An exec sometimes drops output: a caller that needs all of it looks for an end that the command itself writes.
///
/// # Errors
/// If the command cannot be started, ends with another code than 0 (with what it wrote to stderr), or the deadline
/// passes.
pub async fn run(cluster: &Cluster, command: &Command<'_>, stdin: &[u8], deadline: Instant) -> Result<String> {
    attempt(cluster, command, stdin, deadline).await.map_err(|failure| match failure {
        Failure::Connection(error) | Failure::Command(error) => error,
    })
}

/// Why a command gave no output.
pub(crate) enum Failure {
    /// The connection to it was not made, broke or took too long: another one may work.
    Connection(Error),
    /// The command ended with another code than 0, or may not be started.
    Command(Error),
}

/// The same as [`run`], with what failed kept apart.
pub(crate) async fn attempt(
    cluster: &Cluster,
    command: &Command<'_>,
    stdin: &[u8],
    deadline: Instant,
) -> Result<String, Failure> {
    let name = command.argv.join(" ");
    let at = place(cluster, &format!("pod {}/{}", command.namespace, command.pod));
    let failed = |why: String| {
        Error::failed(format!("{name:?} failed in a pod")).at(at.clone()).because(why).fix(look_at(cluster, command))
    };
    match timeout_at(deadline, once(cluster, command, stdin, &failed)).await {
        Ok(result) => result,
        Err(_) => Err(Failure::Connection(failed("it did not end in time".into()))),
    }
}

/// Output of a running command, or its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Its standard output, as it is: clean it before showing it.
    Out(Vec<u8>),
    /// Its standard error.
    Err(Vec<u8>),
    /// It ended, with code 0 or with what the container's runtime says of it; or the connection to it did.
    Ended(Result<(), String>),
}

/// Starts a command and returns its output as it arrives, each piece with its time of arrival. The last piece is its
/// end. Its stdin stays open for exactly as long as the receiver lives, whatever ends this process: a command that
/// looks at it can end with us. Any other runs on to its own end.
///
/// # Errors
/// If the command cannot be started.
pub async fn start(cluster: &Cluster, command: &Command<'_>) -> Result<mpsc::Receiver<(Instant, Output)>> {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), command.namespace);
    let params = AttachParams::default().container(command.container).stdin(true).stdout(true).stderr(true);
    let started = pods.exec(command.pod, command.argv.iter().copied(), &params).await;
    let failed = |why: String| {
        Error::failed(format!("{:?} does not start in a pod", command.argv.first().copied().unwrap_or_default()))
            .at(place(cluster, &format!("pod {}/{}", command.namespace, command.pod)))
            .because(why)
            .fix(look_at(cluster, command))
    };
    let mut process = started.map_err(|error| cluster.fault(&error).or(cluster, failed))?;
    let (sender, receiver) = mpsc::channel(1024);
    tokio::spawn(async move {
        let mut input = process.stdin();
        let (output, errors, status) = (process.stdout(), process.stderr(), process.take_status());
        let reading = async {
            tokio::join!(pass(output, &sender, Output::Out), pass(errors, &sender, Output::Err));
            match status {
                Some(status) => status.await,
                None => None,
            }
        };
        let mut reading = std::pin::pin!(reading);
        let status = tokio::select! {
            status = &mut reading => status,
            () = sender.closed() => {
                if let Some(input) = &mut input {
                    let _ = input.shutdown().await;
                }
                timeout(FAREWELL, reading).await.ok().flatten()
            }
        };
        let end = match status {
            Some(status) if status.status.as_deref() == Some("Success") => Ok(()),
            Some(status) => Err(clean(&status.message.unwrap_or_default())),
            None => Err("the connection ended before the command did".to_owned()),
        };
        let _ = sender.send((Instant::now(), Output::Ended(end))).await;
        process.abort();
    });
    Ok(receiver)
}

/// What to do if a command does not run.
fn look_at(cluster: &Cluster, command: &Command<'_>) -> String {
    let Command { namespace, pod, .. } = command;
    format!(
        "look at the pod, then run the same command again:\nkubectl --context {} describe pod -n {namespace} {pod}",
        cluster.context
    )
}

async fn pass(
    stream: Option<impl AsyncRead + Unpin>,
    sender: &mpsc::Sender<(Instant, Output)>,
    piece: impl Fn(Vec<u8>) -> Output,
) {
    let Some(mut stream) = stream else { return };
    let mut bytes = vec![0; 16 << 10];
    while let Ok(read @ 1..) = stream.read(&mut bytes).await {
        if sender.send((Instant::now(), piece(bytes[..read].to_vec()))).await.is_err() {
            return;
        }
    }
}

async fn once(
    cluster: &Cluster,
    command: &Command<'_>,
    stdin: &[u8],
    failed: &impl Fn(String) -> Error,
) -> Result<String, Failure> {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), command.namespace);
    let params = AttachParams::default().container(command.container).stdin(true).stdout(true).stderr(true);
    let started = pods.exec(command.pod, command.argv.iter().copied(), &params).await;
    let mut process = started.map_err(|error| {
        let fault = cluster.fault(&error);
        // An upgrade that is refused has no status of its own.
        let is_final = fault.lacks_credentials() || fault.is_forbidden() || fault.message.contains("403");
        let error = fault.or(cluster, failed);
        if is_final { Failure::Command(error) } else { Failure::Connection(error) }
    })?;
    let (input, output, errors) = (process.stdin(), process.stdout(), process.stderr());
    let status = process.take_status();
    let writing = async {
        let Some(mut input) = input else { return };
        // A command that ends without reading all of it says so by its own status.
        let _ = input.write_all(stdin).await;
        let _ = input.shutdown().await;
    };
    let ((), output, errors) = tokio::join!(writing, text(output), text(errors));
    let status = match status {
        Some(status) => status.await,
        None => None,
    };
    // Anything left of the connection says nothing more.
    process.abort();
    match status {
        Some(status) if status.status.as_deref() == Some("Success") => Ok(clean_lines(&output)),
        Some(status) => {
            let said = clean(&errors);
            let ended = clean(&status.message.unwrap_or_default());
            Err(Failure::Command(failed(if said.is_empty() { ended } else { format!("{said} ({ended})") })))
        }
        None => Err(Failure::Connection(failed("the connection ended before the command did".into()))),
    }
}

async fn text(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        let _ = stream.take(LARGEST_OUTPUT).read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
