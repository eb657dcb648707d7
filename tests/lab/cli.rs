//! What a person types. Talk goes to stderr, data to stdout.

mod bring;
mod show;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::build::{self, Platform};
use crate::node::components::Component;
use crate::node::control::Action;
use crate::node::processes::Side;
use crate::spec::{Balancer, Choice, Domain, SailVersion};
use crate::start::tell;
use crate::state::State;
use crate::user::User;
use crate::{Lab, balancer, enter, node, registry, supervisor, tls_front, wan};

/// Two or more real Kubernetes clusters on one machine, with no route between their pods.
#[derive(Parser)]
#[command(name = "meshlab", version, max_term_width = 100)]
struct Cli {
    /// Which lab: several can run at once, each under its own name.
    #[arg(long, global = true, env = "MESHLAB_ID", default_value = "lab", hide_env_values = true)]
    id: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything that clusters are made of; earlier builds are kept and reused.
    Build,
    /// Write the image of the product's probe as an OCI archive, for any registry or node.
    Image {
        /// The archive.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The platforms of the nodes; the archive holds an image for each, all under one name.
        #[arg(long, value_name = "PLATFORM", value_delimiter = ',', default_value = "linux/amd64")]
        platforms: Vec<Platform>,
    },
    /// Bring clusters up in the background and return when all are Ready.
    Up {
        #[command(flatten)]
        knobs: Knobs,
        /// Keep a lab that does not become Ready, for inspection.
        #[arg(long)]
        keep: bool,
    },
    /// End a lab and remove all of it.
    Down,
    /// Bring clusters up, run a command with KUBECONFIG set, and take them down however it ends.
    ///
    /// It gets a lab of its own, called with-NUMBER unless --id is given.
    With {
        #[command(flatten)]
        knobs: Knobs,
        /// The command and its arguments; its exit code is passed on.
        #[arg(last = true, required = true)]
        words: Vec<String>,
    },
    /// Show the state of the clusters and their components.
    Status,
    /// Print the path of the kubeconfig.
    Kubeconfig {
        /// Also add the contexts to ~/.kube/config (or the first file of $KUBECONFIG).
        #[arg(long)]
        merge_into_home: bool,
    },
    /// Run a command inside the node of a cluster.
    Exec {
        /// The cluster.
        cluster: String,
        /// The command and its arguments.
        #[arg(last = true, required = true)]
        words: Vec<String>,
    },
    /// Print the log of a component.
    Logs {
        /// The cluster.
        cluster: String,
        /// The component.
        component: Component,
    },
    /// Count the requests to a cluster's API server, by who asked and how.
    Requests(Requests),
    /// Freeze a component: connections stay open, nothing answers.
    Pause(OfOne),
    /// Resume a paused component.
    Resume(OfOne),
    /// End a component and start it again.
    Restart(OfOne),
    /// Destroy a cluster and make it again behind its old address: empty, and with another authority.
    Rebuild {
        /// The cluster.
        cluster: String,
    },
    /// Drop traffic to a component from outside its node, or all traffic from and to the node.
    Cut {
        /// The cluster.
        cluster: String,
        /// The component (kube-apiserver or kubelet); without one, the whole node.
        component: Option<Component>,
        /// Only for other clusters: kubectl on this machine still gets through.
        #[arg(long)]
        peers: bool,
    },
    /// Undo the cuts of a component, or all of a cluster.
    Uncut {
        /// The cluster.
        cluster: String,
        /// The component; without one, everything.
        component: Option<Component>,
    },
    /// Print a kubeconfig for a user with few rights; its only context has the cluster's name.
    User {
        /// The cluster.
        cluster: String,
        /// The user's name.
        #[arg(long)]
        name: String,
        /// A YAML list of rules as in a ClusterRole, which apply to the whole cluster.
        #[arg(long, value_name = "FILE")]
        rules: Option<PathBuf>,
        /// With an expired client certificate.
        #[arg(long)]
        expired: bool,
    },
    #[command(hide = true)]
    Supervise {
        #[arg(long)]
        spec: String,
        #[arg(long)]
        lifeline: bool,
    },
    #[command(hide = true)]
    Lab {
        #[arg(long, value_delimiter = ',')]
        listeners: Vec<i32>,
        #[arg(long)]
        proxy: i32,
    },
    #[command(hide = true)]
    Node {
        #[arg(long)]
        cluster: String,
    },
    #[command(hide = true)]
    TlsFront {
        #[arg(long)]
        pki: PathBuf,
        #[arg(long)]
        listen: SocketAddr,
    },
    #[command(hide = true)]
    Registry {
        #[arg(long)]
        store: PathBuf,
    },
    #[command(hide = true)]
    Balancer {
        #[arg(long)]
        kubeconfig: PathBuf,
        #[arg(long)]
        cluster: String,
    },
}

/// What the clusters are like. A knob applies to all clusters, or to one as `east=VALUE`; it can be repeated.
#[derive(Args)]
struct Knobs {
    /// The clusters, which are also the contexts of the kubeconfig.
    #[arg(long, value_delimiter = ',', default_value = "east,west")]
    clusters: Vec<String>,
    /// The Sail API that is served: v1 or v1alpha1.
    #[arg(long, value_name = "[CLUSTER=]VERSION")]
    sail_versions: Vec<Choice<SailVersion>>,
    /// No Sail API: neither its CRDs nor the stand-in for its operator.
    #[arg(long, value_name = "CLUSTER", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    no_operator: Vec<String>,
    /// The Sail API without an operator, in a cluster without a node whose controllers change no workload: for objects that were
    /// recorded elsewhere.
    #[arg(long, value_name = "CLUSTER", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    recorded: Vec<String>,
    /// What a Service of type LoadBalancer gets: ip, hostname or pending (nothing).
    #[arg(long, value_name = "[CLUSTER=]KIND")]
    balancer: Vec<Choice<Balancer>>,
    /// Only etcd, API server and controller manager: no node, no pods.
    #[arg(long, value_name = "CLUSTER", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    api_only: Vec<String>,
    /// An external address for the node.
    #[arg(long, value_name = "CLUSTER", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    external_ip: Vec<String>,
    /// The domain of Services' names, instead of cluster.local.
    #[arg(long, value_name = "[CLUSTER=]DOMAIN")]
    cluster_domain: Vec<Choice<Domain>>,
    /// A front before the API server that terminates TLS, with a public authority's certificate; its user has a token.
    #[arg(long, value_name = "CLUSTER", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    tls_front: Vec<String>,
    /// The API server's own address in the kubeconfig, and a proxy on this machine that leads there.
    #[arg(long, value_name = "CLUSTER", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    connect_proxy: Vec<String>,
    /// How many seconds a cluster may take to become Ready.
    #[arg(long, default_value_t = 90)]
    timeout: u64,
}

#[derive(Args)]
struct OfOne {
    /// The cluster.
    cluster: String,
    /// The component.
    component: Component,
}

#[derive(Args)]
struct Requests {
    /// The cluster.
    cluster: String,
    /// Only requests since then: 30s, 5m, or 2026-11-24T20:00:00Z.
    #[arg(long)]
    since: Option<String>,
    /// Only requests of programs whose User-Agent begins with this.
    #[arg(long, value_name = "PREFIX")]
    user_agent: Option<String>,
    /// Only requests to change something (dry runs, access reviews, exec and port-forward do not).
    #[arg(long)]
    mutating: bool,
    /// One JSON object per line for each request, instead of counts.
    #[arg(long)]
    json: bool,
}

/// Runs what the command line says.
pub fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let asked_for = matches.value_source("id") == Some(ValueSource::CommandLine);
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match run(cli, asked_for) {
        Ok(code) => code,
        Err(error) => {
            tell(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// `asked_for`: the lab's id was typed, and does not come from the surroundings.
fn run(cli: Cli, asked_for: bool) -> Result<ExitCode> {
    let id = cli.id;
    // Those that were started as /proc/self/exe would be called exe by ps.
    rustix::thread::set_name(c"meshlab")?;
    match cli.command {
        // These start others in namespaces, or go into some: they have no second thread until that is done.
        Command::Supervise { spec, lifeline } => {
            supervisor::leave_session()?;
            supervisor::run(&serde_json::from_str(&spec)?, lifeline)?;
        }
        Command::Lab { listeners, proxy } => wan::run(&State::of(&id)?, &listeners, proxy)?,
        Command::Node { cluster } => node::run(&State::of(&id)?, &cluster)?,
        Command::Exec { cluster, words } => {
            let lab = Lab::open(&id)?;
            let status = enter::run(lab.spec(), &State::of(&id)?.cluster(&lab.spec().cluster(&cluster)?.name), &words)?;
            return Ok(bring::code_of(status));
        }

        Command::Build => bring::build()?,
        Command::Image { out, platforms } => build::image::write_probe_archive(&out, &platforms, &|line| tell(line))?,
        Command::Up { knobs, keep } => bring::up(&id, &knobs, keep)?,
        Command::Down => bring::down(&id)?,
        Command::With { knobs, words } => return bring::with(asked_for.then_some(id), &knobs, &words),
        Command::Status => return show::status(&id),
        Command::Kubeconfig { merge_into_home } => show::kubeconfig(&id, merge_into_home)?,
        Command::Logs { cluster, component } => show::log(&Lab::open(&id)?, &cluster, component)?,
        Command::Requests(wanted) => show::requests(&Lab::open(&id)?, &wanted)?,
        Command::Pause(one) => Lab::open(&id)?.supervise(&one.cluster, one.component, Action::Pause)?,
        Command::Resume(one) => Lab::open(&id)?.supervise(&one.cluster, one.component, Action::Resume)?,
        Command::Restart(one) => Lab::open(&id)?.supervise(&one.cluster, one.component, Action::Restart)?,
        Command::Rebuild { cluster } => bring::rebuild(&id, &cluster)?,
        Command::Cut { cluster, component, peers } => {
            let side = if peers { Side::Peers } else { Side::Everybody };
            act(&id, &cluster, component, Action::Cut(side))?;
        }
        Command::Uncut { cluster, component } => act(&id, &cluster, component, Action::Uncut)?,
        Command::User { cluster, name, rules, expired } => {
            let rules = match rules {
                Some(path) => User::rules_from(&std::fs::read_to_string(path)?)?,
                None => Vec::new(),
            };
            show::print(&Lab::open(&id)?.user(&cluster, &User { name, rules, expired })?)?;
        }
        Command::Balancer { kubeconfig, cluster } => {
            serve(balancer::run(&serde_json::from_str(&cluster)?, &kubeconfig))?;
        }
        Command::TlsFront { pki, listen } => serve(tls_front::run(&pki, listen))?,
        Command::Registry { store } => serve(registry::run(&store))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a component of a node that is this same program.
fn serve(component: impl Future<Output = Result<()>>) -> Result<()> {
    tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stderr).init();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(component)
}

fn act(id: &str, cluster: &str, component: Option<Component>, action: Action) -> Result<()> {
    let lab = Lab::open(id)?;
    match component {
        Some(component) => lab.supervise(cluster, component, action),
        None => lab.network(cluster, action),
    }
}
