//! A drill from its preflight to its report.

use mesh_shared::session::Session;
use std::path::PathBuf;
use std::sync::Arc;

use mesh_shared::cluster::write;
use mesh_shared::cluster::write::Created;
use mesh_shared::machine::report_file::ReportFile;
use mesh_shared::machine::{clock, signal_listener};
use mesh_shared::plugin::error::{Error, Kind, Result};
use mesh_shared::plugin::terminal::Terminal;
use mesh_shared::plugin::terminal::prompt;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::arguments::RunArguments;
use super::preparation::prepare;
use super::prepared::Prepared;
use crate::drill::command_lines;
use crate::drill::conduct::{Outside, conduct};
use crate::drill::live_view;
use crate::drill::lock::Locks;
use crate::drill::measure::measure;
use crate::drill::put_back::{close, put_back};
use crate::drill::recording::{Recording, Stop};
use crate::drill::report;
use crate::drill::report::document::{Document, Verdict};
use crate::drill::setup::Drill;
use crate::drill::words;
use crate::mesh::arguments::MeshArguments;
use crate::plugin_identity::MANAGER;
use mesh_shared::plugin::arguments::ReportFormat;

/// Prepares, asks, runs and reports. Returns the exit code.
///
/// # Errors
/// A refusal before anything was changed, or changes that could not be put back.
pub async fn run(arguments: &RunArguments, mesh: &MeshArguments, session: &Session) -> Result<u8> {
    let page = reserve(arguments)?;
    let prepared = prepare(arguments, mesh, session).await.map_err(Error::before_any_write)?;
    let overview = words::overview(&prepared.overview());
    if arguments.begin.consent.only_shows() {
        session.terminal.data(&format!("{overview}\nNothing was changed: --dry-run=client.\n"));
        return Ok(0);
    }
    session.terminal.say(&overview);
    consent(arguments, &prepared, session.terminal)?;
    let signals = signal_listener::every();
    let (lost, losses) = mpsc::unbounded_channel();
    let locks =
        Arc::new(Locks::acquire(prepared.places.clone(), &prepared.service(), &prepared.record.holder, lost).await?);
    let uid = match keep_record(&prepared).await {
        Ok(uid) => uid,
        Err(error) => {
            locks.release().await;
            return Err(error);
        }
    };
    let context = prepared.failed.context.clone();
    let drill = Arc::new(prepared.drill());
    let outcome = watched(drill.clone(), locks.clone(), Outside { signals, lost: losses }, session.terminal).await;
    if outcome.as_ref().is_ok_and(|recording| recording.put_back.iter().all(|one| one.restored))
        && let Err(error) = close(&drill.failed, &drill.record, &uid).await
    {
        let line = command_lines::recover(&drill.record.service, &context);
        session.terminal.say(&format!("The record of the drill still exists ({error}). This closes it:\n  {line}"));
    }
    locks.release().await;
    let recording = outcome?;
    let document = measure(&recording);
    tell(&document, &drill, &context, arguments.report.output, page, session.terminal)?;
    Ok(code(&document, recording.stopped.as_ref()))
}

fn reserve(arguments: &RunArguments) -> Result<Option<ReportFile>> {
    if arguments.report.no_report || arguments.begin.consent.only_shows() {
        return Ok(None);
    }
    let name = || {
        let time = clock::now().strftime("%Y%m%dT%H%M%SZ");
        Ok::<_, Error>(PathBuf::from(format!("drill-{}-{time}.html", arguments.service.name()?)))
    };
    let path = arguments.report.report.clone().map_or_else(name, Ok)?;
    ReportFile::reserve(&path).map(Some)
}

fn consent(arguments: &RunArguments, prepared: &Prepared, terminal: Terminal) -> Result<()> {
    let name = prepared.service().to_string();
    if arguments.begin.consent.yes {
        return Ok(());
    }
    let said = match &arguments.begin.confirm {
        Some(text) => *text == name || *text == arguments.service.service,
        None => prompt::confirm_by_name(terminal, &name, "--confirm")?,
    };
    let refusal =
        || Error::refused(format!("what was typed is not {name}")).fix(format!("type it, or: --confirm={name}"));
    if said { Ok(()) } else { Err(refusal()) }
}

/// Writes the record, before anything is changed. Returns its UID.
async fn keep_record(prepared: &Prepared) -> Result<String> {
    let manifest = prepared.record.manifest(MANAGER);
    match write::create(&prepared.failed, &manifest, MANAGER).await? {
        Created::New(object) => Ok(object["metadata"]["uid"].as_str().unwrap_or_default().to_owned()),
        Created::Exists => Err(words::left_over(&prepared.service(), &prepared.failed.context)),
    }
}

/// Runs the drill in a task of its own: even if that panics, the changes are put back.
async fn watched(drill: Arc<Drill>, locks: Arc<Locks>, outside: Outside, terminal: Terminal) -> Result<Recording> {
    let (told, events) = mpsc::unbounded_channel();
    let task = {
        let drill = drill.clone();
        tokio::spawn(async move { conduct(&drill, locks, outside, &told).await })
    };
    let showing = live_view::follow(terminal, &drill.experiment, &drill.timing, events);
    let (result, ()) = tokio::join!(task, showing);
    match result {
        Ok(recording) => Ok(recording),
        Err(panic) => {
            let deadline = Instant::now() + drill.restore_timeout;
            drill.fence.shut();
            let states = drill.fence.changes();
            let all = put_back(&drill.failed, &drill.record, &states, deadline, &|text| terminal.say(&text)).await;
            let restored = all.iter().all(|one| one.restored);
            let kind = if restored { Kind::Failed } else { Kind::NotRestored };
            let draft = Error::of(kind, "the drill broke off").because(panic.to_string());
            let first = if restored { "everything was put back; this closes its record:" } else { "restore it:" };
            Err(draft.fix(first).fix(command_lines::recover(&drill.record.service, &drill.failed.context)).report())
        }
    }
}

/// Prints the report and writes the page.
///
/// # Errors
/// If something was not put back, or the page cannot be written.
fn tell(
    document: &Document,
    drill: &Drill,
    context: &str,
    format: ReportFormat,
    page: Option<ReportFile>,
    terminal: Terminal,
) -> Result<()> {
    match format {
        ReportFormat::Text => terminal.data(&report::text::render(document, terminal.on_stdout())),
        ReportFormat::Json => terminal.data(&report::json::render(document)?),
    }
    if let Some(page) = page {
        let path = page.write(&report::html::render(document))?;
        terminal.say(&format!("Report: {}", path.display()));
    }
    if document.verdict == Verdict::NotRestored {
        return Err(words::not_restored(&document.put_back, &command_lines::recover(&drill.record.service, context)));
    }
    Ok(())
}

/// 0 held, 3 not held, 128 + signal, 1 stopped otherwise.
fn code(document: &Document, stopped: Option<&Stop>) -> u8 {
    match (document.verdict, stopped) {
        (Verdict::Held, _) => 0,
        (Verdict::Failed, _) => 3,
        (Verdict::NotRestored, _) => 4,
        (Verdict::Stopped, Some(Stop::Signal(number))) => u8::try_from(128 + number).unwrap_or(u8::MAX),
        (Verdict::Stopped, _) => 1,
    }
}
