//! Requests to the HTTP listener. The first byte says how much of the input is taken as it is: the whole request;
//! or the form in it; or nickname, password and email, a line each, which are filled into the form as a browser
//! would.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock, Mutex};

use paltalkd::config::Location;
use paltalkd::model::{Uid, from_cp1252, is_email, to_cp1252};
use paltalkd::net::http::{
    Ends, Health, HealthReport, HttpService, Registrar, RegistrationFuture, WebRegistration, converse,
};
use paltalkd::password;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};

/// More than any request and any answer.
const PIPE: usize = 256 << 10;
/// What an answer may have in its head; nothing that came with the request.
const HEADERS: [&str; 6] = ["allow", "cache-control", "connection", "content-length", "content-type", "date"];
const STATUS: [&str; 9] = ["200", "400", "404", "405", "413", "414", "431", "501", "505"];

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
}

/// Who takes registrations, and keeps what it was given. Some nicknames are refused, with a text that holds them.
#[derive(Default)]
struct Desk(Mutex<Vec<WebRegistration>>);

impl Registrar for Desk {
    fn register(&self, request: WebRegistration) -> RegistrationFuture {
        let answer = match request.nickname.len() % 4 {
            0 => Err(format!("the nickname {} is taken", request.nickname)),
            _ => Ok(Uid(1_000_002)),
        };
        self.0.lock().unwrap().push(request);
        Box::pin(async { answer })
    }

    fn healthy(&self) -> HealthReport {
        HealthReport { status: Health::Ok, reasons: vec!["a \"reason\"\r\n".to_owned()] }
    }
}

/// The whole answer, and what was registered.
fn ask(request: &[u8]) -> (Vec<u8>, Vec<WebRegistration>) {
    let desk = Arc::new(Desk::default());
    let service = Arc::new(HttpService {
        location: arc_swap::ArcSwap::from_pointee(Location::Auto),
        chat_port: 5001,
        server_name: arc_swap::ArcSwap::from_pointee("Pal & Co".to_owned()),
        registrar: Arc::clone(&desk) as Arc<dyn Registrar>,
    });
    let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let ends = Ends { peer: localhost, local: (localhost, 8080).into() };
    let answer = RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let (mut client, server) = tokio::io::duplex(PIPE);
            client.write_all(request).await.unwrap();
            client.shutdown().await.unwrap();
            let result = converse(server, ends, service).await;
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.unwrap();
            // Who sends only line ends has asked for nothing yet.
            let asked = request.iter().any(|byte| !b"\r\n".contains(byte));
            assert!(!answer.is_empty() || result.is_err() || !asked, "no word");
            answer
        })
    });
    let seen = std::mem::take(&mut *desk.0.lock().unwrap());
    (answer, seen)
}

/// Head and body of an answer.
fn cut(answer: &[u8]) -> (&str, &[u8]) {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
    (std::str::from_utf8(&answer[..end]).expect("heads are ASCII"), &answer[end + 4..])
}

/// What a page is made of besides text.
fn structure(page: &str) -> String {
    page.chars().filter(|c| "<>\"'".contains(*c)).collect()
}

/// The structure of each page there is, filled with nothing that could change it.
static PAGES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let good = "again=secret&password=secret&nickname=";
    ["".to_owned(), format!("{good}Bob"), format!("{good}Alba")]
        .iter()
        .map(|form| ask(&post(form.as_bytes(), "")).0)
        .chain(
            ["/webreg.html", "/l90.html"]
                .map(|path| ask(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).0),
        )
        .map(|answer| structure(std::str::from_utf8(cut(&answer).1).unwrap()))
        .collect()
});

fn post(form: &[u8], charset: &str) -> Vec<u8> {
    let head = format!(
        "POST /webreg.html HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded{charset}\r\n\
         Content-Length: {}\r\n\r\n",
        form.len()
    );
    [head.as_bytes(), form].concat()
}

/// Nothing of a request gets into an answer but as text of a page. The body.
fn check(answer: &[u8], seen: &[WebRegistration]) -> Vec<u8> {
    let answer = answer.strip_prefix(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(answer);
    if answer.is_empty() {
        return Vec::new();
    }
    let (head, body) = cut(answer);
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status");
    assert!(STATUS.contains(&status), "{head}");
    let mut length = None;
    let mut html = false;
    for line in lines {
        let (name, value) = line.split_once(": ").expect("name and value");
        assert!(HEADERS.contains(&name), "{line}");
        match name {
            "content-length" => length = value.parse().ok(),
            "content-type" => html = value.starts_with("text/html"),
            _ => {}
        }
    }
    // Without a body it is the answer to HEAD.
    assert!(body.is_empty() || length == Some(body.len()), "{head}");
    if html && !body.is_empty() {
        let page = std::str::from_utf8(body).unwrap();
        assert!(page.is_ascii() && PAGES.contains(&structure(page)), "{page}");
    }

    assert!(seen.len() <= 1 && (seen.is_empty() || status == "200"));
    for registration in seen {
        let WebRegistration { nickname, password, email, .. } = registration;
        assert!(!nickname.is_empty() && nickname.trim() == nickname);
        assert_eq!(password::check_new(&to_cp1252(password)), Ok(()));
        assert_eq!(from_cp1252(&to_cp1252(password)), **password);
        assert!(email.as_ref().is_none_or(|email| is_email(email)));
    }
    body.to_vec()
}

/// A field as a browser sends it: letters as they are, blanks as `+`, the rest by number.
fn encoded(text: &[u8]) -> String {
    text.iter()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => char::from(*byte).to_string(),
            b' ' => "+".to_owned(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

fn fill(nickname: &[u8], password: &[u8], email: &[u8]) -> (Vec<u8>, Vec<WebRegistration>) {
    let [nickname, password, email] = [nickname, password, email].map(encoded);
    let form = format!("nickname={nickname}&password={password}&again={password}&email={email}");
    let (answer, seen) = ask(&post(form.as_bytes(), ""));
    (check(&answer, &seen), seen)
}

pub fn run(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else { return };
    match kind % 4 {
        0 => {
            let (answer, seen) = ask(rest);
            check(&answer, &seen);
        }
        kind @ (1 | 2) => {
            let charset = if kind == 1 { "" } else { "; charset=utf-8" };
            let (answer, seen) = ask(&post(rest, charset));
            check(&answer, &seen);
        }
        _ => {
            let mut fields = rest.splitn(3, |byte| *byte == b'\n');
            let mut field = || fields.next().unwrap_or_default();
            let (nickname, password, email) = (field(), field(), field());
            let (page, seen) = fill(nickname, password, email);
            let name = from_cp1252(nickname);
            if let [registration] = &seen[..] {
                assert_eq!(registration.nickname, name.trim());
                assert_eq!(to_cp1252(&registration.password), password);
                assert_eq!(registration.email.as_deref().unwrap_or_default(), from_cp1252(email).trim());
                // The page does not depend on the password, so it cannot give it away.
                assert_eq!(fill(nickname, b"another one", email).0, page);
            } else {
                // `&#...;` is what a browser makes of what the page has no letter for.
                let fits = password::check_new(password).is_ok() && !password.contains(&b'&');
                assert!(!fits || name.trim().is_empty() || !email.is_empty());
            }
        }
    }
}
