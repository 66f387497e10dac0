//! The text of a configuration: it is refused with places in it, or printed it reads back as the same.

use paltalkd::config::Config;

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Config::from_toml(text) {
        Ok(config) => {
            let printed = config.to_toml();
            let again = Config::from_toml(&printed);
            assert_eq!(again.as_ref().ok(), Some(&config), "{printed}\n{again:?}");
            let (reloaded, _) = Config::default().reloaded(&config);
            assert!(Config::from_toml(&reloaded.to_toml()).is_ok() || config != reloaded);
        }
        Err(errors) => {
            assert!(!errors.errors.is_empty());
            assert!(!errors.to_string().is_empty());
            let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
            assert!(
                errors.errors.iter().all(|error| error.line.is_none_or(|line| (1..=lines).contains(&line)))
            );
        }
    }
}
