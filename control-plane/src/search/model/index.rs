//! A Python package index (PEP 503, PEP 691): where in it a file is.

use serde_json::Value;
use url::Url;

/// The URL of `file` as the page of its project says, JSON or HTML. `page` is where the page was found: links may be relative to it.
pub(super) fn link(body: &[u8], page: &Url, file: &str) -> Option<Url> {
    let href = match serde_json::from_slice::<Value>(body) {
        Ok(document) => from_json(&document, file)?,
        Err(_) => from_html(&String::from_utf8_lossy(body), file)?,
    };
    let mut url = page.join(&href).ok()?;
    url.set_fragment(None);
    matches!(url.scheme(), "http" | "https").then_some(url)
}

fn from_json(document: &Value, file: &str) -> Option<String> {
    let files = document.get("files")?.as_array()?;
    let entry = files.iter().find(|entry| entry.get("filename").and_then(Value::as_str) == Some(file))?;
    entry.get("url")?.as_str().map(str::to_owned)
}

/// The `href` whose last segment is the file's name: an index page is a list of links, and nothing else is taken of it.
fn from_html(text: &str, file: &str) -> Option<String> {
    let values = text.split("href=").skip(1).filter_map(|rest| {
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        rest[1..].split(quote).next()
    });
    let plain = |href: &str| href.split(['#', '?']).next().unwrap_or_default().to_owned();
    let mut wanted = values.filter(|href| plain(href).rsplit('/').next() == Some(file));
    wanted.next().map(|href| href.replace("&amp;", "&"))
}

#[cfg(test)]
mod tests {
    use super::link;

    #[track_caller]
    fn check(body: &str, expect: Option<&str>) {
        let page = "https://index.example/simple/a-b/".parse().unwrap();
        assert_eq!(link(body.as_bytes(), &page, "a_b-1.whl").map(|url| url.to_string()).as_deref(), expect, "{body}");
    }

    #[test]
    fn a_link_is_found_in_either_form_of_index() {
        check(
            r#"{"files": [{"filename": "a_b-2.whl", "url": "x"}, {"filename": "a_b-1.whl", "url": "https://f.example/1"}]}"#,
            Some("https://f.example/1"),
        );
        check(
            r#"<a href="../../p/a_b-2.whl">2</a><a data-x href='../../p/a_b-1.whl#sha256=00'>1</a>"#,
            Some("https://index.example/p/a_b-1.whl"),
        );
    }

    #[test]
    fn what_is_not_there_or_no_web_address_is_no_link() {
        check("", None);
        check(r#"{"files": 5}"#, None);
        check(r#"<a href="a_b-1.whl.metadata">x</a><a href=a_b-1.whl>"#, None);
        check(r#"<a href="file:///etc/a_b-1.whl">x</a>"#, None);
    }
}
