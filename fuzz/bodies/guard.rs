//! What staff enter to keep out or let pass, with a text to look at. Each line but the last is a filter
//! or an allowed link, of the kind that its first byte says; the last line is the text.

use paltalkd::hub::guard::FilterSet;
use paltalkd::hub::guard::detect::{Whitelist, count_links};
use paltalkd::model::{Author, Rating, Timestamp, fold::fold, from_cp1252, to_cp1252};
use paltalkd::protocol::markup;
use paltalkd::store::{
    Filter, FilterAction, FilterConsequence, FilterKind, FilterList, FilterRecord, LinkAllow, LinkKind,
};

/// More would only take time.
const ENTRIES: usize = 6;

fn record(id: u32, kind: FilterKind, text: String) -> FilterRecord {
    let filter = Filter {
        kind,
        text,
        action: if id.is_multiple_of(2) { FilterAction::Block } else { FilterAction::Notify },
        severity: 1 + (id % 10) as u8,
        consequence: FilterConsequence::Delete,
        list: if id.is_multiple_of(3) { FilterList::Language } else { FilterList::Content },
        active: true,
        notes: String::new(),
        by: Author::System,
        at: Timestamp(0),
    };
    FilterRecord { id, filter, hits: 0 }
}

pub fn run(data: &[u8]) {
    let mut lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let text = fold(&markup::strip(lines.pop().unwrap_or_default()));
    let (mut filters, mut links) = (Vec::new(), Vec::new());
    for (at, line) in lines.into_iter().take(ENTRIES).enumerate() {
        let Some((&kind, entry)) = line.split_first() else { continue };
        let entry: String = from_cp1252(entry).chars().take(LinkAllow::TEXT_MAX).collect();
        let link = |kind, text| LinkAllow { kind, text, by: Author::System, at: Timestamp(0) };
        match kind {
            b'k' => filters.push(record(at as u32, FilterKind::Keyword, entry)),
            b'r' => filters.push(record(at as u32, FilterKind::Regex, entry)),
            b'd' => links.push(link(LinkKind::Domain, entry)),
            b'u' => links.push(link(LinkKind::Url, entry)),
            b'x' => links.push(link(LinkKind::Regex, entry)),
            _ => {}
        }
    }
    let mut alone = Vec::new();
    let mut good = Vec::new();
    for record in filters {
        match FilterSet::compile(std::slice::from_ref(&record)) {
            Ok(set) => {
                assert!(set.check(b"", None).is_empty(), "{record:?} matches nothing at all");
                if record.filter.kind == FilterKind::Keyword {
                    let word = to_cp1252(&record.filter.text);
                    let word = word.trim_ascii();
                    let word = word.strip_prefix(b"*").unwrap_or(word);
                    let word = word.strip_suffix(b"*").unwrap_or(word);
                    let said = fold(&[b"!", word, b"!"].concat());
                    assert_eq!(set.check(&said, Some(Rating::General)).len(), 1, "{record:?} in {said:?}");
                }
                alone.push(set);
                good.push(record);
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    let set = FilterSet::compile(&good).expect("each alone can be used");
    let found = set.check(&text, Some(Rating::General));
    assert!(found.len() <= good.len());
    assert!(found.windows(2).all(|pair| pair[0].severity >= pair[1].severity));
    let elsewhere = set.check(&text, None);
    assert!(elsewhere.iter().all(|matched| found.contains(matched)));
    // Together they find what each finds alone.
    for (record, alone) in good.iter().zip(&alone) {
        let matched = !alone.check(&text, Some(Rating::General)).is_empty();
        assert_eq!(matched, found.iter().any(|found| found.id == record.id), "{record:?}");
    }

    let everything = count_links(&text, &Whitelist::default());
    assert!(everything <= text.len());
    links.retain(|link| Whitelist::compile([link]).is_ok());
    for link in links.iter().filter(|link| link.kind == LinkKind::Domain) {
        // Below what is allowed everything is, and nothing that only ends alike.
        let name = link.text.trim().trim_start_matches("*.").trim_matches('.');
        let list = Whitelist::compile([link]).expect("it could be used before");
        let count = |link: String| count_links(&fold(link.as_bytes()), &list);
        assert_eq!(count(format!("http://{name}/x")) + count(format!("http://a.{name}")), 0, "{link:?}");
        assert_eq!(count(format!("http://a-{name}/x")), 1, "{link:?}");
    }
    let list = Whitelist::compile(&links).expect("each alone can be used");
    assert!(count_links(&text, &list) <= everything);
}
