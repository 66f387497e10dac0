//! The pages, in HTML that a browser of 1999 understands. All of them are plain ASCII: every other
//! character is written as its number, so no character set can garble them.

use std::fmt::Write as _;

use crate::model::{Nickname, Uid};
use crate::password;

/// A page with nothing on it, for the frames of the client.
pub(super) const EMPTY: &str = "<html><head><title></title></head><body></body></html>\r\n";

/// One transparent pixel.
pub(super) const PIXEL: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff\
    !\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

/// `text` as the content of an element or of a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            ' '..='~' if !matches!(character, '&' | '<' | '>' | '"' | '\'') => escaped.push(character),
            // Control characters mean nothing in HTML, NUL even breaks it.
            c if c.is_control() => escaped.push(' '),
            c => {
                // Writing to a String cannot fail.
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
        }
    }
    escaped
}

/// The registration form, filled with what was sent before, and what was wrong with that.
pub(super) fn registration(server: &str, nickname: &str, email: &str, problem: Option<&str>) -> String {
    let problem = match problem {
        Some(problem) => {
            format!("<p><font color=\"#CC0000\"><b>{}</b></font></p>\r\n", escape(problem))
        }
        None => String::new(),
    };
    let body = format!(
        "{problem}<p>Choose a nickname and a password for {server}.</p>\r\n\
         <form action=\"/webreg.html\" method=\"post\">\r\n\
         <table border=\"0\" cellpadding=\"4\">\r\n\
         <tr><td>Nickname:</td>\
         <td><input type=\"text\" name=\"nickname\" size=\"26\" maxlength=\"{nickname_max}\" value=\"{nickname}\"></td></tr>\r\n\
         <tr><td>Password ({min} to {max} characters):</td>\
         <td><input type=\"password\" name=\"password\" size=\"26\" maxlength=\"{max}\"></td></tr>\r\n\
         <tr><td>The password again:</td>\
         <td><input type=\"password\" name=\"again\" size=\"26\" maxlength=\"{max}\"></td></tr>\r\n\
         <tr><td>Email (not needed):</td>\
         <td><input type=\"text\" name=\"email\" size=\"26\" maxlength=\"100\" value=\"{email}\"></td></tr>\r\n\
         <tr><td></td><td><input type=\"submit\" value=\"Register\"></td></tr>\r\n\
         </table>\r\n</form>\r\n",
        server = escape(server),
        nickname = escape(nickname),
        email = escape(email),
        nickname_max = Nickname::MAX,
        min = password::MIN,
        max = password::MAX,
    );
    page(server, "Registration", &body)
}

/// What somebody sees who has registered.
pub(super) fn registered(server: &str, nickname: &str, uid: Uid) -> String {
    let nickname = escape(nickname);
    let body = format!(
        "<p>Welcome, <b>{nickname}</b>! Your account is ready.</p>\r\n\
         <p>Your nickname is <b>{nickname}</b>, your number is {uid}.</p>\r\n\
         <p>Start Paltalk again and sign on with this nickname and your password.</p>\r\n"
    );
    page(server, "Welcome", &body)
}

fn page(server: &str, title: &str, body: &str) -> String {
    let server = escape(server);
    format!(
        "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 3.2 Final//EN\">\r\n\
         <html>\r\n<head><title>{server}: {title}</title></head>\r\n\
         <body bgcolor=\"#FFFFFF\" text=\"#000000\">\r\n<h2>{server}: {title}</h2>\r\n{body}</body>\r\n</html>\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_escapes_from_a_page() {
        assert_eq!(
            escape("<b>\"Zoë\" & 'x'\0\n</b>"),
            "&#60;b&#62;&#34;Zo&#235;&#34; &#38; &#39;x&#39;  &#60;/b&#62;"
        );
        let evil = "\"><script>alert('x')</script>";
        for page in
            [registration(evil, evil, evil, Some(evil)), registered(evil, evil, Uid(7)), page(evil, "T", "")]
        {
            assert!(!page.contains("<script") && page.is_ascii(), "{page}");
        }
    }

    #[test]
    fn the_picture_is_a_gif_of_one_pixel() {
        assert_eq!((PIXEL.len(), &PIXEL[..10], PIXEL.last()), (43, &b"GIF89a\x01\0\x01\0"[..], Some(&b';')));
    }
}
