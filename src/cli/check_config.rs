use std::path::Path;

use super::failure::Failure;
use super::output::Output;
use crate::config::Config;

/// Prints what is in effect and where it comes from; it reads back as a configuration.
pub(super) fn run(path: Option<&Path>, output: &Output) -> Result<(), Failure> {
    let config = Config::load(path)?;
    let origin = match Config::locate(path) {
        Some(path) => format!("{:?}", path.display().to_string()),
        None => "the built-in defaults".to_owned(),
    };
    output.print(&format!("# The configuration in effect, from {origin}\n\n{}", config.to_toml()))
}
