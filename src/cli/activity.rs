//! `paltalkd activity`: what has happened, and what does.

use clap::Args;

use super::Global;
use super::failure::Failure;
use super::output::Output;
use super::remote::{ask, follow, unexpected};
use crate::control::wire::{Reply, Request, Update, View};
use crate::hub::FeedEntry;
use crate::model::display_safe;

#[derive(Args)]
pub(super) struct Activity {
    /// The last N events
    #[arg(short = 'n', value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    count: u32,
    /// Go on with what happens, until interrupted
    #[arg(short, long)]
    follow: bool,
    /// Print a JSON array; with --follow, an object per line
    #[arg(long)]
    json: bool,
}

impl Activity {
    pub(super) fn run(&self, global: &Global, output: &Output) -> Result<(), Failure> {
        if self.follow {
            return self.follow(global, output);
        }
        let reply = ask(global, Request::Activity { from: None, limit: self.count })?;
        let Reply::Activity { entries, .. } = reply else { return Err(unexpected()) };
        if self.json {
            return output.json(&entries);
        }
        let lines: Vec<String> = entries.iter().map(line).collect();
        output.print(&lines.concat())
    }

    fn follow(&self, global: &Global, output: &Output) -> Result<(), Failure> {
        follow(global, View::Activity(self.count), |update| {
            let Update::Activity { entries, missed } = update else { return Ok(true) };
            if *missed > 0 {
                output.note(&format!("{missed} events came too fast and were left out"));
            }
            for entry in entries {
                if !self.show(entry, output)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// Prints one event; whether anybody still reads.
    fn show(&self, entry: &FeedEntry, output: &Output) -> Result<bool, Failure> {
        if self.json {
            return output.json_line(entry);
        }
        output.print_on(&line(entry))
    }
}

/// An event on one line, as in `2026-11-20 22:29:00 UTC  kick  root -> Bob  [Lobby]  flooding`.
fn line(entry: &FeedEntry) -> String {
    let mut text = format!("{}  {:<12}", entry.at.utc(), entry.kind.name());
    match (&entry.actor, &entry.target) {
        (Some(actor), Some(target)) => text.push_str(&format!("  {actor} -> {target}")),
        (Some(name), None) => text.push_str(&format!("  {name}")),
        (None, Some(name)) => text.push_str(&format!("  -> {name}")),
        (None, None) => {}
    }
    if let Some(room) = &entry.room_name {
        text.push_str(&format!("  [{room}]"));
    }
    if !entry.text.is_empty() {
        text.push_str(&format!("  {}", entry.text));
    }
    display_safe(text.trim_end()) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::feed::Named;
    use crate::hub::{Event, EventKind, Feed};
    use crate::model::Timestamp;

    #[test]
    fn a_line_cannot_steer_the_terminal() {
        let feed = Feed::new(1);
        let named = |name: &str| Named { uid: None, name: name.into() };
        let event =
            Event::new(EventKind::Kick).by(named("root")).about(named("B\x1bob")).saying("flood\ning");
        feed.push(Timestamp(1_100_003_600_000), event);
        let told = line(&feed.since(0, 1).entries[0]);
        assert_eq!(told, "2004-11-09 12:33:20 UTC  kick          root -> B\u{241b}ob  flood\u{240a}ing\n");
    }
}
