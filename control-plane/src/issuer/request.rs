//! Reads a token request (RFC 6749 sections 2.3.1, 3.2 and 4.4.2). What is answered is `endpoint`'s business.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use url::form_urlencoded;

use crate::domain::SecretText;

/// What a client asks for.
#[derive(Debug)]
pub(super) struct TokenRequest {
    pub(super) client_id: String,
    pub(super) secret: SecretText,
    /// Scopes asked for; `None`: all it may have.
    pub(super) scope: Option<String>,
    /// Where the token is to be used (RFC 8707).
    pub(super) resources: Vec<String>,
}

/// Why there is no token (RFC 6749 section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    InvalidRequest(&'static str),
    InvalidClient,
    UnsupportedGrantType,
    InvalidScope,
    InvalidTarget,
    Busy,
    ServerError,
}

/// The parameters this server knows; others are ignored, as section 3.2 says.
#[derive(Default)]
struct Form {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<SecretText>,
    scope: Option<String>,
    resources: Vec<String>,
}

impl TokenRequest {
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, Refusal> {
        let form = Form::read(headers, body)?;
        match form.grant_type.as_deref() {
            None => return Err(Refusal::InvalidRequest("grant_type is missing")),
            Some("client_credentials") => {}
            Some(_) => return Err(Refusal::UnsupportedGrantType),
        }
        let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
        let basic = authorizations.next().map(basic_credentials).transpose()?;
        if authorizations.next().is_some() {
            return Err(Refusal::InvalidRequest("Authorization stands there twice"));
        }
        let (client_id, secret) = match (basic, form.client_id, form.client_secret) {
            (Some(_), _, Some(_)) => {
                return Err(Refusal::InvalidRequest("the client authenticates in more than one way"));
            }
            (Some((id, _)), Some(other), None) if id != other => {
                return Err(Refusal::InvalidRequest("client_id is not the one that authenticates"));
            }
            (Some(basic), _, None) => basic,
            (None, Some(id), Some(secret)) => (id, secret),
            (None, _, _) => return Err(Refusal::InvalidClient),
        };
        Ok(Self { client_id, secret, scope: form.scope, resources: form.resources })
    }
}

impl Form {
    fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, Refusal> {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Refusal::InvalidRequest("the body must be application/x-www-form-urlencoded"));
        }
        if std::str::from_utf8(body).is_err() {
            return Err(Refusal::InvalidRequest("the body is not UTF-8"));
        }
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            form.take(&name, value.into_owned())?;
        }
        Ok(form)
    }

    /// A parameter without a value counts as absent, one that stands there twice is refused (section 3.2).
    fn take(&mut self, name: &str, value: String) -> Result<(), Refusal> {
        const TWICE: Refusal = Refusal::InvalidRequest("a parameter stands there twice");
        if value.is_empty() {
            return Ok(());
        }
        if name == "client_secret" {
            return if self.client_secret.replace(SecretText::new(value)).is_some() { Err(TWICE) } else { Ok(()) };
        }
        let place = match name {
            "grant_type" => &mut self.grant_type,
            "client_id" => &mut self.client_id,
            "scope" => &mut self.scope,
            "resource" => {
                self.resources.push(value);
                return Ok(());
            }
            _ => return Ok(()),
        };
        if place.replace(value).is_some() { Err(TWICE) } else { Ok(()) }
    }
}

/// Id and secret of a Basic header, each form-encoded before it was put there (section 2.3.1).
fn basic_credentials(value: &HeaderValue) -> Result<(String, SecretText), Refusal> {
    let text = value.to_str().map_err(|_| Refusal::InvalidClient)?;
    let (scheme, encoded) = text.split_once(' ').ok_or(Refusal::InvalidClient)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(Refusal::InvalidClient);
    }
    let bytes = BASE64_STANDARD.decode(encoded.trim()).map_err(|_| Refusal::InvalidClient)?;
    let pair = zeroize::Zeroizing::new(String::from_utf8(bytes).map_err(|_| Refusal::InvalidClient)?);
    let (id, secret) = pair.split_once(':').ok_or(Refusal::InvalidClient)?;
    Ok((form_decoded(id), SecretText::new(form_decoded(secret))))
}

/// Clients that do not encode get what they meant, unless it holds `%` or `+`.
fn form_decoded(text: &str) -> String {
    let parameter = format!("value={}", text.replace('&', "%26"));
    form_urlencoded::parse(parameter.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

impl Refusal {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::InvalidClient => StatusCode::UNAUTHORIZED,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    pub(super) fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::Busy => "temporarily_unavailable",
            Self::ServerError => "server_error",
        }
    }

    pub(super) fn description(self) -> &'static str {
        match self {
            Self::InvalidRequest(description) => description,
            Self::InvalidClient => "unknown client, or wrong secret",
            Self::UnsupportedGrantType => "only client_credentials is served",
            Self::InvalidScope => "the client may not have every scope it asks for",
            Self::InvalidTarget => "tokens of this server are for this gateway only",
            Self::Busy => "too many clients are authenticating: try again",
            Self::ServerError => "no token could be made",
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, header};
    use proptest::prelude::*;

    use super::{Refusal, TokenRequest};

    const FORM: &str = "application/x-www-form-urlencoded";

    fn check(content_type: &str, authorization: &[&str], body: &[u8]) -> Result<(String, String), Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        for value in authorization {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        let request = TokenRequest::read(&headers, body)?;
        Ok((request.client_id, request.secret.expose().to_owned()))
    }

    fn invalid_request(result: Result<(String, String), Refusal>) {
        assert!(matches!(result, Err(Refusal::InvalidRequest(_))), "{result:?}");
    }

    #[test]
    fn both_ways_to_authenticate_are_read() {
        let expected = Ok(("a:b".to_owned(), "s é+".to_owned()));
        // "a%3Ab:s+%C3%A9%2B"
        let basic = "Basic YSUzQWI6cyslQzMlQTklMkI=";
        assert_eq!(check(FORM, &[basic], b"grant_type=client_credentials"), expected);
        let form = b"grant_type=client_credentials&client_id=a%3Ab&client_secret=s+%C3%A9%2B&unknown=1";
        assert_eq!(check("application/x-www-form-urlencoded; charset=utf-8", &[], form), expected);
    }

    #[test]
    fn two_ways_at_once_are_refused() {
        let body = b"grant_type=client_credentials&client_id=a&client_secret=b";
        invalid_request(check(FORM, &["Basic YTpi"], body));
        invalid_request(check(FORM, &["Basic YTpi"], b"grant_type=client_credentials&client_id=c"));
        invalid_request(check(FORM, &["Basic YTpi", "Basic YTpi"], b"grant_type=client_credentials"));
    }

    #[test]
    fn the_id_may_stand_in_the_form_beside_basic() {
        let body = b"grant_type=client_credentials&client_id=a";
        assert_eq!(check(FORM, &["basic YTpi"], body), Ok(("a".to_owned(), "b".to_owned())));
    }

    #[test]
    fn what_is_no_token_request_is_refused() {
        invalid_request(check("application/json", &["Basic YTpi"], b"{}"));
        invalid_request(check(FORM, &["Basic YTpi"], b"scope=x"));
        invalid_request(check(FORM, &["Basic YTpi"], b"grant_type=client_credentials&scope=x&scope=y"));
        assert_eq!(check(FORM, &["Basic YTpi"], b"grant_type=password").unwrap_err(), Refusal::UnsupportedGrantType);
        for authorization in [&[][..], &["Basic"], &["Basic !"], &["Basic YQ=="], &["Bearer YTpi"]] {
            let refused = check(FORM, authorization, b"grant_type=client_credentials").unwrap_err();
            assert_eq!(refused, Refusal::InvalidClient, "{authorization:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_fail(body: Vec<u8>, authorization in "[ -~]{0,60}") {
            let _ = check(FORM, &[&authorization], &body);
        }
    }
}
