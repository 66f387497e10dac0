//! How long a start takes, also one after `kill -9`.

use std::process::Command;
use std::time::Duration;

use crate::common::frame;
use crate::crowd::{Crowd, Wire, kind};
use crate::report::Figures;
use crate::servers::{Launcher, Stage};

/// Starts on the store of a stage, changes it under load, kills the daemon, starts again.
pub(crate) async fn starts(launcher: &Launcher, stage: &Stage) -> anyhow::Result<Figures> {
    let dir = stage.copy()?;
    let (mut program, first) = launcher.start_timed(dir.path())?;
    let crowd = Crowd::gather(program.address, Wire::Paltalk, &stage.uids[..500]).await?;
    let tally = std::rc::Rc::clone(&crowd.tally);
    crowd.listen(move |_, kind, _: &[u8]| {
        if kind == kind::BUDDY_LIST {
            tally.count();
        }
    });
    for round in 0..100usize {
        for (number, client) in crowd.clients.iter().enumerate() {
            let pal = stage.uids[(number + 1 + round) % stage.uids.len()].0;
            client.offer(&frame(0xffbd, &pal.to_be_bytes())).await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    _ = Command::new("kill").args(["-9", &program.child.id().to_string()]).status();
    _ = program.child.wait();
    let answered = crowd.tally.deliveries.get();
    let (second, recovered) = launcher.start_timed(dir.path())?;
    drop(second);
    let (_third, third) = launcher.start_timed(dir.path())?;
    Ok(Figures::default()
        .with("s, first start", first.as_secs_f64())
        .with("s, after kill -9", recovered.as_secs_f64())
        .with("s, after a stop", third.as_secs_f64())
        .with("answered before", answered as f64))
}
