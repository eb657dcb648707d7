//! The network of the lab: one bridge that joins the nodes, in a namespace that the machine itself has no address in.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::spec::{Cluster, GATEWAY, SERVICES};

/// The chain of the rules that cut something off. It stands in the table that is asked before kube-proxy's, which let
/// through whatever belongs to an established connection.
const CHAIN: &str = "MESHLAB";

/// Makes the network between the nodes, in the namespace of the lab's first process.
pub fn make_wan() -> Result<()> {
    ip(&format!("link set lo up\nlink add br0 type bridge\naddr add {GATEWAY}/16 dev br0\nlink set br0 up\n"))
}

/// Gives the node whose first process is `pid` its cable to the others.
pub fn plug(cluster: &Cluster, pid: u32) -> Result<()> {
    let cable = format!("node{}", cluster.index);
    // A cluster made again behind its address keeps this one too: the others would go on to send to the old one for as long
    // as they remember it, which may be half a minute.
    let [a, b, c, d] = cluster.address().octets();
    ip(&format!(
        "link add {cable} type veth peer name eth0 address 02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x} netns {pid}\n\
         link set {cable} master br0 up\n"
    ))
}

/// Takes the cable of a node that is gone away: by itself it would stay for the better part of a minute.
pub fn unplug(cluster: &Cluster) {
    // It may have gone with its other end.
    let _ = ip(&format!("link del node{}\n", cluster.index));
}

/// Sets up the node's side, in its namespace.
pub fn make_node(cluster: &Cluster) -> Result<()> {
    let (address, own) = (cluster.address(), cluster.own_address(0));
    // The node takes whatever comes to the cluster's own range, without an address of it on any interface.
    ip(&format!(
        "link set lo up\naddr add {address}/16 dev eth0\nlink set eth0 up\nroute add default via {GATEWAY}\n\
         route add local {own}/24 dev lo\n"
    ))?;
    // Until kube-proxy's rules exist, a SYN to a Service would leave the node and hang for half a minute.
    restore(&format!(
        "*mangle\n:{CHAIN} - [0:0]\n-A PREROUTING -j {CHAIN}\n-A POSTROUTING -j {CHAIN}\nCOMMIT\n*filter\n\
         -A FORWARD -d {SERVICES} -p tcp -j REJECT --reject-with tcp-reset\n-A FORWARD -d {SERVICES} -j REJECT\nCOMMIT\n"
    ))?;
    fs::write("/proc/sys/net/ipv4/ip_forward", "1").context("let the node forward")
}

/// The rules of packets that are dropped, in place of those that were.
pub fn drop_only(rules: &[String]) -> Result<()> {
    let drops: Vec<String> = rules.iter().map(|rule| format!("-A {CHAIN} {rule} -j DROP\n")).collect();
    restore(&format!("*mangle\n:{CHAIN} - [0:0]\n{}COMMIT\n", drops.concat()))
}

fn ip(batch: &str) -> Result<()> {
    feed(Command::new("ip").args(["-batch", "-"]), batch)
}

fn restore(rules: &str) -> Result<()> {
    feed(Command::new("iptables-restore").args(["-w", "5", "--noflush"]), rules)
}

fn feed(command: &mut Command, input: &str) -> Result<()> {
    let name = command.get_program().display().to_string();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {name}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
