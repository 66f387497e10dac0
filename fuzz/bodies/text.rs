//! Texts that people write: markup, whispers, folding, and what may be relayed at all.

use paltalkd::model::{MessageText, Nickname, RoomName, fold::fold, from_cp1252, sanitise, to_cp1252};
use paltalkd::protocol::markup;

pub fn run(data: &[u8]) {
    assert!(data.ends_with(markup::plain_start(data)));
    let plain = markup::strip(data);
    assert!(plain.len() <= data.len());
    if let Some((nickname, message)) = markup::parse_whisper(data) {
        assert!(!nickname.is_empty() && message.len() < data.len());
    }
    assert!(markup::wrap_im(data).len() >= data.len());

    let folded = fold(data);
    assert_eq!(fold(&folded), folded, "folding twice");
    assert_eq!(to_cp1252(&from_cp1252(data)), data);

    let clean = sanitise::text(data);
    assert_eq!(sanitise::text(&clean), clean, "cleaning twice");
    if let Ok(text) = MessageText::new(data) {
        assert!(!text.as_bytes().is_empty());
        let again = MessageText::new(text.as_bytes()).map(|again| again.as_bytes().to_vec());
        assert_eq!(again.as_deref(), Ok(text.as_bytes()), "what may be relayed may be relayed");
    }
    if let Ok(nickname) = Nickname::new(data) {
        assert_eq!(Nickname::new(nickname.as_bytes()).map(|again| again.key()), Ok(nickname.key()));
    }
    let _ = RoomName::new(data);
}
