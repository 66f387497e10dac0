use super::failure::Failure;
use crate::config::Config;
use crate::telemetry::Guard;

/// Runs the daemon until it is told to stop.
pub(super) fn run(config: Config, guard: Guard) -> Result<(), Failure> {
    drop((config, guard)); // MERGE: this line becomes `crate::daemon::run(config, guard)?;`
    Ok(())
}
