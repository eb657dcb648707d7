//! Stub.
use mesh_shared::ui::terminal::Terminal;
use tokio::sync::mpsc::UnboundedReceiver;
use crate::drill::conduct::Told;
use crate::drill::experiment::Experiment;
use crate::drill::phase::Timing;
/// Stub.
pub async fn follow(terminal: Terminal, _: &Experiment, _: &Timing, mut events: UnboundedReceiver<Told>) {
    while let Some(told) = events.recv().await {
        match told { Told::Mark(mark, at) => terminal.say(&format!("{mark:?} {at:?}")), Told::Note(note) => terminal.say(&note), _ => {} }
    }
}
