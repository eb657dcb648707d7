//! Everything that is read and decided before a drill may begin. Nothing is written.

use mesh_shared::session::Session;
use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use mesh_shared::cluster::access_review::{Needed, must_be_allowed};
use mesh_shared::cluster::context::Cluster;
use mesh_shared::cluster::exec;
use mesh_shared::cluster::exec::Command;
use mesh_shared::cluster::{istiod, lease, workloads, write};
use mesh_shared::machine::{clock, lock_holder, random};
use mesh_shared::model::kube::kinds::Target;
use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::model::kube::rbac::{Access, RoleFile};
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::model::seen::services::PodSeen;
use mesh_shared::model::seen::workload::Owners;
use mesh_shared::plugin::error::{Error, Kind, Result};
use mesh_shared::plugin::finding::codes::{drill as codes, permissions as permission_codes};
use mesh_shared::plugin::finding::{Code, Finding, Findings, Verb};
use tokio::time::Instant;

use super::arguments::{RunArguments, workload};
use crate::drill::changed::Changed;
use crate::drill::experiment::{Client, Experiment, Hypothesis};
use crate::drill::fault_record::Record;
use crate::drill::faults::fault_kind::Scene;
use crate::drill::find_governing_rule;
use crate::drill::find_governing_rule::ClientOf;
use crate::drill::governing_rule::Rule;
use crate::drill::lock;
use crate::drill::lock::Place;
use crate::drill::phase::Timing;
use crate::drill::preflight::Served;
use crate::drill::prepared::Prepared;
use crate::drill::traffic::Curl;
use crate::drill::words;
use crate::drill::{object_names, permissions, pods, preflight};
use crate::locality::damaged::damaged;
use crate::mesh::arguments::MeshArguments;
use crate::mesh::observe::{Facets, Member, Wanted, observe};
use crate::mesh::permissions::DRILL;
use crate::plugin_identity::MANAGER;

/// Reads the clusters and checks whether the drill may begin.
///
/// # Errors
/// Every finding against the drill, or a failed read.
pub async fn prepare(arguments: &RunArguments, mesh: &MeshArguments, session: &Session) -> Result<Prepared> {
    let service = arguments.service.name()?;
    let from_namespace = arguments.from_namespace.clone().unwrap_or_else(|| service.namespace.clone());
    let wanted =
        Wanted { service: Some(service.clone()), namespaces: vec![from_namespace.clone()], facets: Facets::Rules };
    let members = observe(mesh, session, &wanted).await?;
    let seen: Vec<&ObservedTraffic> = members.iter().map(|member| &member.seen).collect();
    let at = preflight::cluster(&seen, &arguments.cluster, "--cluster")?;
    let from = arguments.from_cluster.as_deref().unwrap_or(at.membership.name.as_str());
    let client_at = preflight::cluster(&seen, from, "--from-cluster")?;
    let (failed, client_cluster) = (edge(&members, at)?, edge(&members, client_at)?);
    let fault = arguments.fault.kind();
    let single = [
        (failed, permissions::recording(&service), DRILL),
        (failed, fault.needed(&service), fault.entry().permissions),
        (client_cluster, permissions::asking(&from_namespace), DRILL),
    ];
    let mut findings = Findings::default();
    kept(&mut findings, &permission_codes::MISSING, allowed(&members, &service, &single).await)?;
    // Without permissions the rest cannot be read; what was observed is judged all the same.
    let may_ask = findings.is_empty();
    seen.iter()
        .flat_map(|seen| damaged(&service, MANAGER, seen))
        .for_each(|rule| session.terminal.say(&rule.finding().line()));
    if may_ask {
        no_other_drill(&members, &service, &mut findings).await?;
        findings.extend(preflight::whole_mesh(&seen, &known_clusters(&members).await?).err());
    }
    let served = preflight::served(&seen, at, &service, arguments.port.as_deref(), &mut findings);
    let failed_pods = served.as_ref().and_then(|_| findings.keep_all(fault.pods(at, &service)));
    let changing = match &served {
        Some(served) if may_ask => changing(arguments, &service, (failed, at), served, &mut findings).await?,
        _ => None,
    };
    let asker = if may_ask {
        let asker = asker(arguments, client_cluster, client_at, &service).await;
        kept(&mut findings, &codes::CLIENT_NOT_USABLE, asker)?
    } else {
        None
    };
    let mut rule = None;
    let target = served.as_ref().zip(asker.as_ref()).and_then(|(served, asker)| {
        rule = find_governing_rule::rule(&seen, client_of(client_at, asker), &service, served.port.port);
        preflight::destination(&seen, client_at, &served.side, rule.as_ref(), &service, &mut findings)
    });
    findings.refuse(Verb::Drill)?;
    let (Some(served), Some(failed_pods), Some((owners, changed)), Some(asker), Some(target)) =
        (served, failed_pods, changing, asker, target)
    else {
        return Err(Error::failed("there is no plan for the drill, but no finding against it either").report());
    };
    let (port, failed_side) = (served.port, served.side);
    let also = pods::also_served(at, &service, &failed_pods);

    let longest = rule.as_ref().map_or(arguments.traffic.hold, |rule| longest_ejection(arguments, rule));
    let (baseline, hold) = (arguments.traffic.baseline, arguments.traffic.hold);
    let timing = Timing { baseline, hold, longest_ejection: longest };
    let run = random::run_id()?;
    let experiment = Experiment {
        run: run.clone(),
        service: service.clone(),
        fault: arguments.fault.clone(),
        failed: failed_side,
        target,
        workloads: owners.workloads.iter().map(|workload| workload.object.to_string()).collect(),
        client: asker.client,
        url: format!("http://{}:{}{}", service.host(), port.port, arguments.traffic.path),
        rate: (asker.curl == Curl::Rated).then_some(arguments.traffic.rate),
        pattern: arguments.traffic.pattern.as_ref().map(|pattern| pattern.as_str().to_owned()),
        hypothesis: hypothesis(arguments, longest),
        baseline,
        hold,
        rule,
    };
    let started = clock::now();
    let record = Record {
        holder: lock_holder::name(&run),
        run,
        cluster: at.membership.name.to_string(),
        system_namespace: at.membership.system_namespace.clone(),
        deadline: deadline(started, &experiment, &timing),
        ..Record::empty(service.clone(), arguments.fault.clone(), started, changed)
    };
    Ok(Prepared {
        envoy_cluster: format!("outbound|{}||{}", port.port, service.host()),
        failed: failed.clone(),
        client: client_cluster.clone(),
        pattern: arguments.traffic.pattern.clone(),
        restore_timeout: arguments.begin.restore_timeout,
        workloads: owners.workloads,
        experiment,
        timing,
        record,
        places: members.iter().map(place).collect(),
        pods: failed_pods.iter().map(|pod| pod.name.clone()).collect(),
        also,
        curl: asker.curl,
        shell: asker.shell,
    })
}

/// The value of a check. A refusal becomes a finding with its own code, or else with this one. A failed read stays an
/// error.
fn kept<T>(findings: &mut Findings, code: &'static Code, checked: Result<T>) -> Result<Option<T>> {
    match checked {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind == Kind::Refused => {
            findings.push(error.code.unwrap_or(code).of_error(error));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// What is changed, and the workloads behind the service; none if a finding refuses the drill.
async fn changing(
    arguments: &RunArguments,
    service: &ServiceName,
    (failed, at): (&Cluster, &ObservedTraffic),
    served: &Served<'_>,
    findings: &mut Findings,
) -> Result<Option<(Owners, Vec<Changed>)>> {
    let fault = arguments.fault.kind();
    let behind = pods::behind(at, service);
    let Some(port) = findings.keep(preflight::target_port(served.port, &behind)) else { return Ok(None) };
    let owners = workloads::owners(failed, &service.namespace, &behind).await.map_err(|error| DRILL.explain(error))?;
    let changed = fault.changes(&Scene {
        service,
        selector: &served.service.selector,
        port,
        owners: &owners,
        allow_owner: arguments.begin.allow_owner,
    });
    let changed = changed.map_err(|found| found.in_cluster(&at.membership.name, &at.identity.context));
    let Some(changed) = findings.keep_all(changed) else { return Ok(None) };
    let single = [(failed, permissions::changing(&changed), fault.entry().permissions)];
    kept(findings, &permission_codes::MISSING, allowed(&[], service, &single).await)?;
    kept(findings, &codes::OBJECT_THERE, nothing_of_its_name(failed, &changed).await)?;
    Ok(Some((owners, changed)))
}

fn client_of<'a>(at: &'a ObservedTraffic, asker: &'a Asker<'_>) -> ClientOf<'a> {
    ClientOf {
        cluster: &at.membership.name,
        namespace: &asker.client.namespace,
        region: &asker.client.region,
        labels: &asker.pod.labels,
    }
}

/// Where a member's lease is.
fn place(member: &Member) -> Place {
    Place {
        cluster: member.cluster.clone(),
        uid: member.seen.identity.uid.clone(),
        system_namespace: member.seen.membership.system_namespace.clone(),
    }
}

/// The clusters that the istiods report to know. No Secret is read.
async fn known_clusters(members: &[Member]) -> Result<BTreeSet<String>> {
    let deadline = |cluster: &Cluster| Instant::now() + cluster.request_timeout();
    let asked = members.iter().map(|member| {
        istiod::replicas(&member.cluster, &member.seen.membership.system_namespace, deadline(&member.cluster))
    });
    let replicas = try_join_all(asked).await?;
    if let Some(silent) = replicas.iter().flatten().find(|replica| replica.is_silent) {
        return Err(Error::refused("an istiod does not say which clusters it knows")
            .at(format!("pod {}", silent.pod))
            .because("it serves no debug port")
            .fix("let istiod serve it: remove ENABLE_DEBUG_ON_HTTP=false from its environment"));
    }
    Ok(replicas.into_iter().flatten().flat_map(|replica| replica.clusters).map(|cluster| cluster.cluster).collect())
}

fn edge<'a>(members: &'a [Member], seen: &ObservedTraffic) -> Result<&'a Cluster> {
    let found = members.iter().find(|member| member.seen.identity.uid == seen.identity.uid);
    found
        .map(|member| &member.cluster)
        .ok_or_else(|| Error::failed(format!("{} is not a member", seen.membership.name)).report())
}

fn hypothesis(arguments: &RunArguments, longest_ejection: Duration) -> Hypothesis {
    let given = &arguments.hypothesis;
    Hypothesis {
        baseline_success: given.min_success / 100.0,
        failover_share: given.min_failover / 100.0,
        failover_within: given.failover_within,
        failback_within: given.failback_within.unwrap_or(longest_ejection),
        max_errors: given.max_errors,
    }
}

/// The longest time that this fault keeps a host out.
fn longest_ejection(arguments: &RunArguments, rule: &Rule) -> Duration {
    arguments.fault.kind().back_within(rule, arguments.hypothesis.failover_within + arguments.traffic.hold)
}

fn deadline(started: Timestamp, experiment: &Experiment, timing: &Timing) -> Timestamp {
    let hypothesis = &experiment.hypothesis;
    let all = timing.baseline + hypothesis.failover_within + timing.hold + Duration::from_mins(5);
    SignedDuration::try_from(all).ok().and_then(|all| started.checked_add(all).ok()).unwrap_or(started)
}

/// Checks that no earlier drill of the service left its record in any cluster.
async fn nothing_left_over(members: &[Member], service: &ServiceName) -> Result<()> {
    let key = object_names::record(service);
    let target = Target::new(&key.kind, &key.namespace, &key.name)?;
    let records = try_join_all(members.iter().map(|member| write::get(&member.cluster, &target))).await?;
    match members.iter().zip(records).find(|(_, record)| record.is_some()) {
        Some((member, _)) => Err(words::left_over(service, &member.cluster.context)),
        None => Ok(()),
    }
}

/// Checks that no object has the name of one that the drill creates.
async fn nothing_of_its_name(cluster: &Cluster, changed: &[Changed]) -> Result<()> {
    for made in changed.iter().filter(|changed| changed.reversible().is_created()) {
        let target = made.target()?;
        if write::get(cluster, &target).await?.is_some() {
            let ObjectKey { kind, namespace, name } = &target.key;
            let kind = kind.to_ascii_lowercase();
            return Err(Error::refused(format!("{} already exists in {}", target.key, cluster.context))
                .at(format!("context {}, {}", cluster.context, target.key))
                .because("the drill creates one of this name, and no record says that this one belongs to a drill")
                .fix("inspect it, and delete it if it is not needed:")
                .fix(format!("kubectl --context {} -n {namespace} delete {kind} {name}", cluster.context)));
        }
    }
    Ok(())
}

/// # Errors
/// Refuses at once if another drill is running or left changes behind: nothing can be judged while those are in place.
async fn no_other_drill(members: &[Member], service: &ServiceName, findings: &mut Findings) -> Result<()> {
    let alone = kept(findings, &codes::RUNS_ALREADY, nobody_drills(members, service).await)?;
    let clean = kept(findings, &codes::LEFT_OVER, nothing_left_over(members, service).await)?;
    if alone.and(clean).is_some() { Ok(()) } else { findings.refuse(Verb::Drill) }
}

/// Checks that no drill of the service is running anywhere in the mesh. The leases decide; this only reports it early.
async fn nobody_drills(members: &[Member], service: &ServiceName) -> Result<()> {
    let now = clock::now();
    for member in members {
        let target = lock::place(service, &member.seen.membership.system_namespace)?;
        if let Some(lease) = lease::read(&member.cluster, &target).await?.filter(|lease| lease.is_alive(now)) {
            return Err(words::runs_already(service, &member.cluster.context, &lease.holder, lease.age(now)));
        }
    }
    Ok(())
}

/// Who sends the requests, and with what.
struct Asker<'a> {
    client: Client,
    pod: &'a PodSeen,
    curl: Curl,
    shell: bool,
}

async fn asker<'a>(
    arguments: &RunArguments,
    cluster: &Cluster,
    at: &'a ObservedTraffic,
    service: &ServiceName,
) -> Result<Asker<'a>> {
    let (kind, name) = workload(&arguments.from)?;
    let namespace = arguments.from_namespace.as_ref().unwrap_or(&service.namespace);
    let mut pods: Vec<&PodSeen> = at.services.pods.iter().filter(|pod| pod.namespace == *namespace).collect();
    if kind == "Pod" {
        pods.retain(|pod| pod.name == name);
    } else {
        let selector = workloads::selector(cluster, kind, namespace, name).await;
        let selector = selector.map_err(|error| DRILL.explain(error))?;
        pods.retain(|pod| selector.selects(&pod.labels));
    }
    let pod = preflight::client(&pods, &arguments.from, at).map_err(Finding::into_error)?;
    let container = container(pod, arguments.from_container.as_deref(), at)?;
    let (curl, shell) = curl(cluster, pod, &container).await?;
    let client = Client {
        workload: format!("{kind}/{name}"),
        namespace: namespace.clone(),
        pod: pod.name.clone(),
        container,
        cluster: at.membership.name.clone(),
        region: pod.locality.region.clone(),
    };
    Ok(Asker { client, pod, curl, shell })
}

fn container(pod: &PodSeen, wanted: Option<&str>, at: &ObservedTraffic) -> Result<String> {
    let found = match wanted {
        Some(name) => pod.containers.iter().find(|container| *container == name),
        None => pod.containers.first(),
    };
    found.cloned().ok_or_else(|| {
        Error::refused(format!("the client {}/{} has no such container", pod.namespace, pod.name))
            .at(format!("context {}", at.identity.context))
            .because(format!("it has {}", pod.containers.join(", ")))
            .meant(wanted.unwrap_or_default(), pod.containers.iter().map(String::as_str))
            .fix("name one: --from-container")
    })
}

/// What the client's curl can do, and whether a shell is there to supervise it.
async fn curl(cluster: &Cluster, pod: &PodSeen, container: &str) -> Result<(Curl, bool)> {
    let refused = |why: String| {
        codes::CLIENT_WITHOUT_CURL
            .found(format!("the client {}/{} has no curl that a drill can use", pod.namespace, pod.name))
            .context(&cluster.context)
            .place(format!("container {container}"))
            .because(why)
            .fix("name a client that has curl 7.63 or newer: --from, --from-container")
            .into_error()
    };
    let say = async |argv: &[&str]| {
        let command = Command { namespace: &pod.namespace, pod: &pod.name, container, argv };
        exec::run(cluster, &command, b"", Instant::now() + cluster.request_timeout()).await
    };
    let (said, shell) = match say(&["sh", "-c", "curl --version"]).await {
        Ok(said) => (said, true),
        Err(_) => (say(&["curl", "--version"]).await.map_err(|error| refused(error.why.unwrap_or(error.what)))?, false),
    };
    let curl =
        Curl::of(&said).ok_or_else(|| refused(format!("it says {:?}", said.lines().next().unwrap_or_default())))?;
    Ok((curl, shell))
}

/// Checks that the user may do all that the drill does, in every cluster and in single ones, and above all may put it
/// back.
async fn allowed(
    members: &[Member],
    service: &ServiceName,
    single: &[(&Cluster, Vec<Access>, RoleFile)],
) -> Result<()> {
    let everywhere = members.iter().map(|member| {
        let accesses = permissions::everywhere(&member.seen.membership.system_namespace, service);
        Needed { cluster: &member.cluster, accesses, file: DRILL }
    });
    let single =
        single.iter().map(|(cluster, accesses, file)| Needed { cluster, accesses: accesses.clone(), file: *file });
    let needed: Vec<Needed<'_>> = everywhere.chain(single).collect();
    must_be_allowed(&needed, "the drill").await
}
