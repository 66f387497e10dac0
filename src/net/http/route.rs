//! Which request gets which answer.

use std::sync::Once;

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use zeroize::Zeroizing;

use super::form::Form;
use super::{Ends, Health, HttpService, WebRegistration, page};
use crate::model::{from_cp1252, is_email, sentence, to_cp1252};
use crate::password::{self, PasswordError};

const MAX_URI: usize = 4096;
const MAX_BODY: usize = 16 * 1024;
/// The longest email address that the form takes, in bytes.
const MAX_EMAIL: usize = 100;
/// How much of a body that is too long is still read, so that its sender gets to hear the answer.
const MAX_DISCARDED: usize = 1024 * 1024;

const HTML: &str = "text/html; charset=windows-1252";
const TEXT: &str = "text/plain";

type Answer = Response<Full<Bytes>>;

/// What a path is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Resource {
    Location,
    Registration,
    EmptyPage,
    Picture,
    Health,
}

impl Resource {
    fn at(path: &str) -> Option<Resource> {
        Some(match path {
            "/location2.txt" | "/location2.php" => Resource::Location,
            "/webreg.html" => Resource::Registration,
            "/health" => Resource::Health,
            "/banners/custom/nobannerbanner.gif" => Resource::Picture,
            "/l90.html" | "/userGroup.html" | "/profile/JspModifyProfile.jsp" | "/web/ControllerServlet" => {
                Resource::EmptyPage
            }
            _ => match path.strip_prefix("/perl").unwrap_or(path) {
                "/bannerless.pl" | "/pallistBanner.pl" | "/permGroup.pl" => Resource::EmptyPage,
                _ => return None,
            },
        })
    }

    fn allows(self) -> &'static str {
        match self {
            Resource::Registration => "GET, HEAD, POST",
            _ => "GET, HEAD",
        }
    }
}

/// The answer to one request; logs nothing of it but method, path and status.
pub(super) async fn answer(service: &HttpService, ends: Ends, request: Request<Incoming>) -> Answer {
    let method = request.method().clone();
    // The query is left out here for good: it may hold a password.
    let path = request.uri().path().to_owned();
    let mut answer = if request.uri().to_string().len() > MAX_URI {
        text(StatusCode::URI_TOO_LONG, "The address is too long.\r\n")
    } else {
        route(service, ends, &path, request).await
    };
    let length = answer.body().size_hint().exact().unwrap_or_default();
    answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    tracing::debug!(
        peer = %ends.peer,
        method = ?method.as_str(),
        path = ?path.get(..path.floor_char_boundary(200)).unwrap_or_default(),
        status = answer.status().as_u16(),
        "http request"
    );
    answer
}

async fn route(service: &HttpService, ends: Ends, path: &str, request: Request<Incoming>) -> Answer {
    let Some(resource) = Resource::at(path) else {
        return text(StatusCode::NOT_FOUND, "There is nothing here.\r\n");
    };
    match (resource, request.method()) {
        (Resource::Registration, &Method::POST) => register(service, ends, request).await,
        // The body of a HEAD answer is left out when it is sent.
        (_, &Method::GET | &Method::HEAD) => get(service, ends, resource),
        _ => {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "This cannot be done here.\r\n");
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static(resource.allows()));
            answer
        }
    }
}

fn get(service: &HttpService, ends: Ends, resource: Resource) -> Answer {
    match resource {
        Resource::Location => match service.location_for(ends.local) {
            Some(address) => text(StatusCode::OK, format!("LOCATION:{address}")),
            None => {
                // Once: whoever asks again and again must not fill the disk with it.
                static TOLD: Once = Once::new();
                TOLD.call_once(|| {
                    tracing::warn!(local = %ends.local, "no IPv4 address to tell a client: set http.location");
                });
                text(StatusCode::SERVICE_UNAVAILABLE, "This server has no IPv4 address to name.\r\n")
            }
        },
        Resource::Registration => {
            html(StatusCode::OK, page::registration(&service.server_name.load(), "", "", None))
        }
        Resource::EmptyPage => html(StatusCode::OK, page::EMPTY),
        Resource::Picture => reply(StatusCode::OK, "image/gif", page::PIXEL),
        Resource::Health => {
            let report = service.registrar.healthy();
            let status = match report.status {
                Health::Ok => StatusCode::OK,
                Health::Degraded | Health::Maintenance => StatusCode::SERVICE_UNAVAILABLE,
            };
            let json =
                serde_json::json!({ "status": report.status.name(), "health_reasons": report.reasons });
            reply(status, "application/json", format!("{json}\n"))
        }
    }
}

async fn register(service: &HttpService, ends: Ends, request: Request<Incoming>) -> Answer {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let body = match read(request.into_body()).await {
        Ok(body) => body,
        Err(answer) => return *answer,
    };
    let form = Form::parse(&body, &content_type);
    let nickname = form.text("nickname").trim().to_owned();
    let email = form.text("email").trim().to_owned();
    let again = |problem: &str| {
        let page = page::registration(&service.server_name.load(), &nickname, &email, Some(problem));
        html(StatusCode::OK, page)
    };
    let password = form.text("password");
    if nickname.is_empty() {
        return again("Please choose a nickname.");
    }
    if *password != *form.text("again") {
        return again("The two passwords differ. Please type the same one twice.");
    }
    if let Err(error) = check_password(&password) {
        return again(&sentence(&error.to_string()));
    }
    if !email.is_empty() && (email.len() > MAX_EMAIL || !is_email(&email)) {
        return again("This is not an email address. You can leave it out.");
    }
    let request = WebRegistration {
        nickname: nickname.clone(),
        password,
        email: (!email.is_empty()).then(|| email.clone()),
        peer: ends.peer,
    };
    // A task of its own: a browser that goes away must not leave half an account behind.
    let outcome = tokio::spawn(service.registrar.register(request)).await;
    match outcome {
        Ok(Ok(uid)) => html(StatusCode::OK, page::registered(&service.server_name.load(), &nickname, uid)),
        Ok(Err(problem)) => again(&sentence(&problem)),
        Err(_) => again("The registration failed. Please try again later."),
    }
}

/// The whole body, or the answer that it deserves.
async fn read(mut body: Incoming) -> Result<Zeroizing<Vec<u8>>, Box<Answer>> {
    let too_large = || Box::new(text(StatusCode::PAYLOAD_TOO_LARGE, "This is too much.\r\n"));
    if body.size_hint().lower() > MAX_DISCARDED as u64 {
        return Err(too_large());
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BODY));
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(Box::new(text(StatusCode::BAD_REQUEST, "The request is broken.\r\n")));
        };
        let Some(data) = frame.data_ref() else { continue };
        length += data.len();
        if length > MAX_DISCARDED {
            return Err(too_large());
        }
        if length <= MAX_BODY {
            bytes.extend_from_slice(data);
        }
    }
    if length > MAX_BODY { Err(too_large()) } else { Ok(bytes) }
}

fn check_password(password: &str) -> Result<(), PasswordError> {
    let bytes = Zeroizing::new(to_cp1252(password));
    password::check_new(&bytes)?;
    // Browsers write a character that the page's set lacks as its number, which nobody would type
    // into the client.
    let numbered = password.split("&#").skip(1).any(|rest| {
        let end = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        end.len() < rest.len() && end.starts_with(';')
    });
    if numbered || *Zeroizing::new(from_cp1252(&bytes)) != *password {
        return Err(PasswordError::Character);
    }
    Ok(())
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    reply(status, TEXT, text)
}

fn html(status: StatusCode, page: impl Into<Bytes>) -> Answer {
    reply(status, HTML, page)
}

fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    // An old browser would else show a page of yesterday.
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer
}
