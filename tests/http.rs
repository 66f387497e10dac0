//! The HTTP listener over real sockets, as old and new clients use it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use paltalkd::config::Location;
use paltalkd::model::Uid;
use paltalkd::net::http::{
    Health, HealthReport, HttpService, Registrar, RegistrationFuture, WebRegistration, serve,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;

struct Desk {
    seen: Mutex<Vec<WebRegistration>>,
    health: Health,
}

impl Registrar for Desk {
    fn register(&self, request: WebRegistration) -> RegistrationFuture {
        let answer = match request.nickname.as_str() {
            "panic" => return Box::pin(async { panic!("the desk fell over") }),
            "taken" => Err("This nickname is taken. How about \"taken<1>\"?".to_owned()),
            _ => Ok(Uid(1_000_002)),
        };
        self.seen.lock().unwrap().push(request);
        Box::pin(async { answer })
    }

    fn healthy(&self) -> HealthReport {
        let reasons = if self.health == Health::Ok { vec![] } else { vec!["the disk is full".to_owned()] };
        HealthReport { status: self.health, reasons }
    }
}

struct Server {
    address: SocketAddr,
    desk: Arc<Desk>,
    stop: Option<oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<()>,
}

async fn start_on(bind: &str, location: Location, health: Health) -> Server {
    let listener = TcpListener::bind(bind).await.unwrap();
    let address = listener.local_addr().unwrap();
    let desk = Arc::new(Desk { seen: Mutex::default(), health });
    let service = HttpService {
        location: ArcSwap::from_pointee(location),
        chat_port: 5001,
        server_name: ArcSwap::from_pointee("Pal & Co".to_owned()),
        registrar: Arc::clone(&desk) as Arc<dyn Registrar>,
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(serve(listener, Arc::new(service), async {
        let _ = stopped.await;
    }));
    Server { address, desk, stop: Some(stop), task }
}

async fn start() -> Server {
    start_on("127.0.0.1:0", Location::Auto, Health::Ok).await
}

impl Server {
    async fn send(&self, request: impl AsRef<[u8]>) -> String {
        let address = SocketAddr::from(([127, 0, 0, 1], self.address.port()));
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_ref()).await.unwrap();
        let mut answer = Vec::new();
        timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn get(&self, path: &str) -> String {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: www.paltalk.com\r\n\r\n")).await
    }

    async fn post(&self, form: &str) -> String {
        self.send(format!(
            "POST /webreg.html HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        ))
        .await
    }
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next().unwrap();
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|h| h.1)
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

#[tokio::test]
async fn a_fresh_client_finds_the_server() {
    let server = start().await;
    for request in [
        "GET /location2.txt HTTP/1.0\r\n\r\n",
        "GET /location2.txt HTTP/1.1\r\nHost: www.paltalk.com\r\nUser-Agent: Mozilla/4.0\r\n\r\n",
        "GET /location2.php?version=5.0 HTTP/1.1\r\nHost: paltalk.com\r\nConnection: Keep-Alive\r\n\r\n",
        "GET http://www.paltalk.com/location2.txt HTTP/1.0\r\n\r\n",
    ] {
        let answer = server.send(request).await;
        assert_eq!(status(&answer), 200, "{answer}");
        assert_eq!(body(&answer), "LOCATION:127.0.0.1:5001");
        assert_eq!(header(&answer, "content-length"), Some("23"));
        assert_eq!(header(&answer, "content-type"), Some("text/plain"));
    }
}

#[tokio::test]
async fn the_location_is_an_ipv4_address_that_reaches_us() {
    let fixed = Location::Fixed("192.0.2.10:5002".parse().unwrap());
    let server = start_on("127.0.0.1:0", fixed, Health::Ok).await;
    assert_eq!(body(&server.get("/location2.txt").await), "LOCATION:192.0.2.10:5002");

    // One socket for both families sees IPv4 clients under mapped addresses.
    let server = start_on("[::]:0", Location::Auto, Health::Ok).await;
    assert_eq!(body(&server.get("/location2.txt").await), "LOCATION:127.0.0.1:5001");
    let mut stream = TcpStream::connect(("::1", server.address.port())).await.unwrap();
    stream.write_all(b"GET /location2.txt HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(status(&answer), 503, "{answer}");
}

#[tokio::test]
async fn head_and_half_closed_connections_are_answered() {
    let server = start().await;
    let answer = server.send("HEAD /location2.txt HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!((status(&answer), body(&answer)), (200, ""));
    assert_eq!(header(&answer, "content-length"), Some("23"));

    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /location2.txt HTTP/1.0\r\n\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(body(&answer), "LOCATION:127.0.0.1:5001");
}

#[tokio::test]
async fn the_frames_of_the_client_get_empty_pages() {
    let server = start().await;
    for path in [
        "/perl/bannerless.pl",
        "/bannerless.pl",
        "/perl/pallistBanner.pl?nick=x",
        "/pallistBanner.pl",
        "/perl/permGroup.pl",
        "/permGroup.pl",
        "/l90.html?first_name=a",
        "/userGroup.html",
        "/profile/JspModifyProfile.jsp?cb_action=get",
        "/web/ControllerServlet?RequestId=Web.PalInfo&nick=Alice",
    ] {
        let answer = server.get(path).await;
        assert_eq!(status(&answer), 200, "{path}");
        assert!(header(&answer, "content-type").unwrap().starts_with("text/html"));
        assert!(body(&answer).contains("<body></body>"));
    }
    let answer = server.get("/banners/custom/nobannerbanner.gif").await;
    assert_eq!((status(&answer), header(&answer, "content-type")), (200, Some("image/gif")));
    assert_eq!(header(&answer, "content-length"), Some("43"));
    assert!(body(&answer).starts_with("GIF89a"));
}

#[tokio::test]
async fn people_register_on_the_page() {
    let server = start().await;
    let answer = server.get("/webreg.html").await;
    assert_eq!(header(&answer, "content-type"), Some("text/html; charset=windows-1252"));
    for part in ["Pal &#38; Co", "method=\"post\"", "name=\"nickname\"", "name=\"again\"", "name=\"email\""] {
        assert!(body(&answer).contains(part), "{part} is not in {answer}");
    }

    let answer =
        server.post("nickname=+Zo%EB+&password=caf%E9%26co&again=caf%E9%26co&email=z%40example.org").await;
    assert_eq!(status(&answer), 200);
    assert!(body(&answer).contains("Zo&#235;") && body(&answer).contains("1000002"), "{answer}");
    server.post("nickname=Bob&password=rosebud&again=rosebud&email=").await;
    let seen = server.desk.seen.lock().unwrap();
    assert_eq!((seen[0].nickname.as_str(), seen[0].password.as_str()), ("Zoë", "café&co"));
    assert_eq!(
        (seen[0].email.as_deref(), seen[0].peer.to_string().as_str()),
        (Some("z@example.org"), "127.0.0.1")
    );
    assert_eq!(seen[1].email, None);
}

#[tokio::test]
async fn what_is_wrong_stands_on_the_page() {
    let server = start().await;
    for (form, told) in [
        ("nickname=&password=rosebud&again=rosebud", "choose a nickname"),
        ("nickname=Bob&password=rosebud&again=rosebuD", "passwords differ"),
        ("nickname=Bob&password=four&again=four", "at least 5 characters"),
        ("nickname=Bob&password=1234567890123456789012&again=1234567890123456789012", "at most 21"),
        ("nickname=Bob&password=%26%2320013%3Babc&again=%26%2320013%3Babc", "cannot type"),
        ("nickname=Bob&password=a%0Abcdef&again=a%0Abcdef", "cannot type"),
        ("nickname=Bob&password=rosebud&again=rosebud&email=bob", "not an email address"),
        ("", "choose a nickname"),
    ] {
        let answer = server.post(form).await;
        assert_eq!(status(&answer), 200);
        assert!(body(&answer).contains(told), "{form}: {answer}");
        assert!(body(&answer).contains("<form") && !body(&answer).contains("rosebud"), "{answer}");
    }
    assert!(server.desk.seen.lock().unwrap().is_empty());

    let answer = server.post("nickname=taken&password=rosebud&again=rosebud&email=t%40example.org").await;
    assert!(body(&answer).contains("How about &#34;taken&#60;1&#62;&#34;?"), "{answer}");
    assert!(body(&answer).contains("value=\"taken\"") && body(&answer).contains("t@example.org"), "{answer}");
    assert!(!body(&answer).contains("rosebud"), "{answer}");

    let answer = server.post("nickname=panic&password=rosebud&again=rosebud").await;
    assert!(body(&answer).contains("try again later"), "{answer}");
}

#[tokio::test]
async fn health_is_json_with_a_status() {
    let answer = start().await.get("/health").await;
    assert_eq!((status(&answer), header(&answer, "content-type")), (200, Some("application/json")));
    let json: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
    assert_eq!(json["status"], "ok");

    let answer = start_on("127.0.0.1:0", Location::Auto, Health::Degraded).await.get("/health").await;
    assert_eq!(status(&answer), 503);
    let json: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
    assert_eq!(
        (&json["status"], &json["health_reasons"][0]),
        (&"degraded".into(), &"the disk is full".into())
    );
}

#[tokio::test]
async fn the_rest_is_refused() {
    let server = start().await;
    for path in ["/", "/location2.txt/", "/../etc/passwd", "/perl/", "/perl/location2.txt"] {
        let answer = server.get(path).await;
        assert_eq!(status(&answer), 404, "{path}");
        assert!(body(&answer).len() < 100);
    }
    let answer = server.send("POST /location2.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!((status(&answer), header(&answer, "allow")), (405, Some("GET, HEAD")));
    let answer = server.send("DELETE /webreg.html HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!((status(&answer), header(&answer, "allow")), (405, Some("GET, HEAD, POST")));

    assert_eq!(status(&server.get(&format!("/webreg.html?{}", "x".repeat(5000))).await), 414);
    assert_eq!(status(&server.get(&format!("/{}", "x".repeat(40_000))).await), 431);
    assert_eq!(status(&server.send("GET\r\n\r\n").await), 400);

    let form = |size| format!("nickname=B&password=rosebud&again=rosebud&filler={}", "x".repeat(size));
    assert_eq!(status(&server.post(&form(10_000)).await), 200);
    assert_eq!(status(&server.post(&form(20_000)).await), 413);
    assert_eq!(status(&server.post(&form(900_000)).await), 413);
    let huge = "POST /webreg.html HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n";
    assert_eq!(status(&server.send(huge).await), 413);
}

#[tokio::test]
async fn a_chunked_body_is_bounded_too() {
    let server = start().await;
    let mut request = b"POST /webreg.html HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..40 {
        request.extend_from_slice(b"400\r\n");
        request.extend_from_slice(&[b'x'; 0x400]);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(status(&server.send(&request).await), 413);
}

#[tokio::test]
async fn stopping_ends_the_listener() {
    let mut server = start().await;
    let idle = TcpStream::connect(server.address).await.unwrap();
    server.get("/health").await;
    server.stop.take().unwrap().send(()).unwrap();
    timeout(Duration::from_secs(10), server.task).await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
    drop(idle);
}

#[derive(Clone)]
struct Log;

static LOG: OnceLock<Mutex<Vec<u8>>> = OnceLock::new();

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.get_or_init(Mutex::default).lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn passwords_never_reach_the_log() {
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(|| Log).init();
    let server = start().await;
    server.get("/profile/JspModifyProfile.jsp?cb_action=get&off=20&mu=1&mp=c3ViMHJvc2E").await;
    server.get("/nowhere?password=sub0rosa").await;
    server.get(&format!("/location2.txt?p=sub0rosa&{}", "x".repeat(5000))).await;
    server.get("http://user:sub0rosa@www.paltalk.com/webreg.html?sub0rosa#sub0rosa").await;
    server.send("GET /a\"b?sub0rosa HTTP/9.9\r\n\r\n").await;
    server.send("GET /health?sub0rosa HTTP/1.1\r\nbroken sub0rosa\r\n\r\n").await;
    server.post("nickname=Zoe&password=sub0rosa&again=sub0rosa").await;
    server.post("nickname=Zoe&password=sub0rosa&again=other").await;
    server.post("nickname=panic&password=sub0rosa&again=sub0rosa").await;
    let log = String::from_utf8(LOG.get().unwrap().lock().unwrap().clone()).unwrap();
    assert!(log.contains("/profile/JspModifyProfile.jsp"), "{log}");
    assert!(log.contains("http request") && log.contains("404") && log.contains("414"), "{log}");
    for secret in ["sub0rosa", "c3ViMHJvc2E", "mp=", "?"] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}
